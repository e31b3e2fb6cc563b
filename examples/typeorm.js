// typeorm: node examples/typeorm.js
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

import { DataSource, EntitySchema } from 'typeorm'

const Order = new EntitySchema({
  name: 'Order',
  tableName: 'shop_order',
  columns: {
    number: { type: 'text', primary: true },
    customer: { type: 'text' }
  }
})

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
function placeOrder(source, number, customer, skus, quantities) {
  return source.transaction(async manager => {
    await manager.createQueryBuilder().insert().into(Order)
      .values({ number, customer }).orIgnore().execute()
    return manager.query(
      `SELECT sku, quantity, available, replayed
         FROM inv_deduct_many($1, $2, reference => $3, key => $3)`,
      [skus, quantities, number])
  })
}

async function order(source, number, ...rest) {
  try {
    for (const line of await placeOrder(source, number, ...rest)) {
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
const source = new DataSource({ type: 'postgres', entities: [Order] })
await source.initialize()
await order(source, 'order-1', 'customer-1', skus, [2, 1])
await order(source, 'order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order(source, 'order-2', 'customer-2', skus, [1, 50])
await source.destroy()
