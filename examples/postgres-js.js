// postgres.js: node examples/postgres-js.js
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

import postgres from 'postgres'

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
function placeOrder(sql, number, customer, skus, quantities) {
  return sql.begin(async sql => {
    await sql`INSERT INTO shop_order ${sql({ number, customer })}
      ON CONFLICT DO NOTHING`
    return sql`SELECT sku, quantity, available, replayed
      FROM inv_deduct_many(${skus}, ${quantities},
        reference => ${number}, key => ${number})`
  })
}

async function order(sql, number, ...rest) {
  try {
    for (const line of await placeOrder(sql, number, ...rest)) {
      console.log(`${number}: ${line.quantity} ${line.sku}, ${line.available} left` +
        (line.replayed ? ' (again)' : ''))
    }
  } catch (error) {
    if (error.code !== 'IV001') throw error
    const short = JSON.parse(error.detail)
    console.log(`${number}: refused, line ${short.line} asks for ` +
      `${short.requested} ${short.sku}, ${short.available} left`)
  }
}

const skus = ['APPLE-1KG', 'BREAD']
const sql = postgres()
await order(sql, 'order-1', 'customer-1', skus, [2, 1])
await order(sql, 'order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order(sql, 'order-2', 'customer-2', skus, [1, 50])
await sql.end()
