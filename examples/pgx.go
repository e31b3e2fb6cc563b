// pgx: go run examples/pgx.go
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

type line struct {
	sku                 string
	quantity, available int64
	replayed            bool
}

// placeOrder takes the order and its stock in one transaction: both or
// neither. The order's number is the key, so that a repetition has no effect.
func placeOrder(ctx context.Context, conn *pgx.Conn, number, customer string,
	skus []string, quantities []int64) (lines []line, err error) {
	err = conn.BeginFunc(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO shop_order (number, customer)
			VALUES ($1, $2) ON CONFLICT DO NOTHING`, number, customer)
		if err != nil {
			return err
		}
		var l line
		_, err = tx.QueryFunc(ctx, `SELECT sku, quantity, available, replayed
			FROM inv_deduct_many($1, $2, reference => $3, key => $3)`,
			[]interface{}{skus, quantities, number},
			[]interface{}{&l.sku, &l.quantity, &l.available, &l.replayed},
			func(pgx.QueryFuncRow) error {
				lines = append(lines, l)
				return nil
			})
		return err
	})
	return lines, err
}

func order(conn *pgx.Conn, number, customer string, quantities ...int64) {
	lines, err := placeOrder(context.Background(), conn, number, customer,
		[]string{"APPLE-1KG", "BREAD"}, quantities)
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) && refusal.Code == "IV001" {
		var short struct {
			Line                 int
			Sku                  string
			Requested, Available int64
		}
		json.Unmarshal([]byte(refusal.Detail), &short)
		fmt.Printf("%s: refused, line %d asks for %d %s, %d left\n",
			number, short.Line, short.Requested, short.Sku, short.Available)
	} else if err != nil {
		log.Fatal(err)
	}
	for _, l := range lines {
		again := map[bool]string{true: " (again)"}[l.replayed]
		fmt.Printf("%s: %d %s, %d left%s\n", number, l.quantity, l.sku, l.available, again)
	}
}

func main() {
	conn, err := pgx.Connect(context.Background(), "")
	if err != nil {
		log.Fatal(err)
	}
	order(conn, "order-1", "customer-1", 2, 1)
	order(conn, "order-1", "customer-1", 2, 1) // the first answer was lost
	order(conn, "order-2", "customer-2", 1, 50)
}
