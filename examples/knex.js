// knex: node examples/knex.js
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

import Knex from 'knex'

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
function placeOrder(knex, number, customer, skus, quantities) {
  return knex.transaction(async trx => {
    await trx('shop_order').insert({ number, customer }).onConflict().ignore()
    const { rows } = await trx.raw(
      `SELECT sku, quantity, available, replayed
         FROM inv_deduct_many(:skus, :quantities,
           reference => :number, key => :number)`,
      { skus, quantities, number })
    return rows
  })
}

async function order(knex, number, ...rest) {
  try {
    for (const line of await placeOrder(knex, number, ...rest)) {
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
const knex = Knex({ client: 'pg', connection: {} })
await order(knex, 'order-1', 'customer-1', skus, [2, 1])
await order(knex, 'order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order(knex, 'order-2', 'customer-2', skus, [1, 50])
await knex.destroy()
