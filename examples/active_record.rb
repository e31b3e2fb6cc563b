# ActiveRecord: ruby examples/active_record.rb
#
# Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

require 'active_record'
require 'json'

ActiveRecord::Base.establish_connection(adapter: 'postgresql')

class Order < ActiveRecord::Base
  self.table_name = 'shop_order'
  self.primary_key = 'number'

  # The order and its stock, in one transaction: both or neither. The order's
  # number is the key, so that a repetition has no effect.
  def self.place(number, customer, skus, quantities)
    transaction do
      create_with(customer: customer).find_or_create_by!(number: number)
      connection.select_all(sanitize_sql([<<~SQL, skus, quantities, number, number]))
        SELECT sku, quantity, available, replayed
          FROM inv_deduct_many(ARRAY[?], ARRAY[?], reference => ?, key => ?)
      SQL
    end
  end
end

def order(number, *rest)
  Order.place(number, *rest).each do |line|
    puts "#{number}: #{line['quantity']} #{line['sku']}, #{line['available']} left" +
         (line['replayed'] ? ' (again)' : '')
  end
rescue ActiveRecord::StatementInvalid => e
  result = e.cause.result    # the driver's error, which knows more
  raise unless result.error_field(PG::PG_DIAG_SQLSTATE) == 'IV001'

  short = JSON.parse(result.error_field(PG::PG_DIAG_MESSAGE_DETAIL))
  puts "#{number}: refused, line #{short['line']} asks for #{short['requested']} " \
       "#{short['sku']}, #{short['available']} left"
end

skus = %w[APPLE-1KG BREAD]
order('order-1', 'customer-1', skus, [2, 1])
order('order-1', 'customer-1', skus, [2, 1]) # the first answer was lost
order('order-2', 'customer-2', skus, [1, 50])
