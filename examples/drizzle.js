// drizzle: node examples/drizzle.js
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'

const shopOrder = pgTable('shop_order', {
  number: text().primaryKey(),
  customer: text().notNull()
})

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
function placeOrder(db, number, customer, skus, quantities) {
  return db.transaction(async tx => {
    await tx.insert(shopOrder).values({ number, customer }).onConflictDoNothing()
    const { rows } = await tx.execute(
      sql`SELECT sku, quantity, available, replayed
            FROM inv_deduct_many(${sql.param(skus)}, ${sql.param(quantities)},
              reference => ${number}, key => ${number})`)
    return rows
  })
}

async function order(db, number, ...rest) {
  try {
    for (const line of await placeOrder(db, number, ...rest)) {
      console.log(`${number}: ${line.quantity} ${line.sku}, ${line.available} left` +
        (line.replayed ? ' (again)' : ''))
    }
  } catch (error) {
    const { code, detail } = error.cause ?? {} // the driver's error
    if (code !== 'IV001') throw error
    const short = JSON.parse(detail)
    console.log(`${number}: refused, line ${short.line} asks for ` +
      `${short.requested} ${short.sku}, ${short.available} left`)
  }
}

const skus = ['APPLE-1KG', 'BREAD']
const pool = new pg.Pool()
const db = drizzle(pool)
await order(db, 'order-1', 'customer-1', skus, [2, 1])
await order(db, 'order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order(db, 'order-2', 'customer-2', skus, [1, 50])
await pool.end()
