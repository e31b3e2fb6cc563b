// JDBC: java -cp /usr/share/java/postgresql.jar:/usr/share/java/gson.jar examples/Jdbc.java
//
// Connects by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD; by TCP only.

import com.google.gson.*;
import java.sql.*;
import java.util.*;
import org.postgresql.util.PSQLException;

public class Jdbc {
    record Line(String sku, long quantity, long available, boolean replayed) {}

    // The order and its stock, in one transaction: both or neither. The
    // order's number is the key, so that a repetition has no effect.
    static List<Line> placeOrder(Connection connection, String number,
            String customer, String[] skus, Long[] quantities) throws SQLException {
        try (var insert = connection.prepareStatement("""
                    INSERT INTO shop_order (number, customer) VALUES (?, ?)
                    ON CONFLICT DO NOTHING""");
             var deduct = connection.prepareStatement("""
                    SELECT sku, quantity, available, replayed
                    FROM inv_deduct_many(?, ?, reference => ?, key => ?)""")) {
            insert.setString(1, number);
            insert.setString(2, customer);
            insert.executeUpdate();
            deduct.setArray(1, connection.createArrayOf("text", skus));
            deduct.setArray(2, connection.createArrayOf("bigint", quantities));
            deduct.setString(3, number);
            deduct.setString(4, number);
            var lines = new ArrayList<Line>();
            for (var row = deduct.executeQuery(); row.next(); )
                lines.add(new Line(row.getString("sku"), row.getLong("quantity"),
                    row.getLong("available"), row.getBoolean("replayed")));
            connection.commit();
            return lines;
        } catch (SQLException e) {
            connection.rollback();
            throw e;
        }
    }

    static void order(Connection connection, String number, String customer,
            Long... quantities) throws SQLException {
        try {
            String[] skus = {"APPLE-1KG", "BREAD"};
            for (var line : placeOrder(connection, number, customer, skus, quantities))
                System.out.printf("%s: %d %s, %d left%s%n", number, line.quantity,
                    line.sku, line.available, line.replayed ? " (again)" : "");
        } catch (PSQLException e) {
            if (!"IV001".equals(e.getSQLState()))
                throw e;
            var detail = e.getServerErrorMessage().getDetail();
            var refused = JsonParser.parseString(detail).getAsJsonObject();
            System.out.printf("%s: refused, line %s asks for %s %s, %s left%n", number,
                refused.get("line"), refused.get("requested"),
                refused.get("sku").getAsString(), refused.get("available"));
        }
    }

    public static void main(String[] arguments) throws SQLException {
        var env = System.getenv();
        var url = "jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT")
            + "/" + env.get("PGDATABASE");
        try (var connection = DriverManager.getConnection(url,
                env.get("PGUSER"), env.get("PGPASSWORD"))) {
            connection.setAutoCommit(false);
            order(connection, "order-1", "customer-1", 2L, 1L);
            order(connection, "order-1", "customer-1", 2L, 1L);   // the first answer was lost
            order(connection, "order-2", "customer-2", 1L, 50L);
        }
    }
}
