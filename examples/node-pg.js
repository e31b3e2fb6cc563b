// node pg: node examples/node-pg.js
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

import pg from 'pg'

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
async function placeOrder(pool, number, customer, skus, quantities) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(
      `INSERT INTO shop_order (number, customer) VALUES ($1, $2)
       ON CONFLICT DO NOTHING`, [number, customer])
    const { rows } = await client.query(
      `SELECT sku, quantity, available, replayed
         FROM inv_deduct_many($1, $2, reference => $3, key => $3)`,
      [skus, quantities, number])
    await client.query('COMMIT')
    return rows
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

async function order(pool, number, ...rest) {
  try {
    for (const line of await placeOrder(pool, number, ...rest)) {
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
const pool = new pg.Pool()
await order(pool, 'order-1', 'customer-1', skus, [2, 1])
await order(pool, 'order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order(pool, 'order-2', 'customer-2', skus, [1, 50])
await pool.end()
