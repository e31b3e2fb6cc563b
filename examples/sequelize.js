// sequelize: node examples/sequelize.js
//
// Connects by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.

import { DataTypes, QueryTypes, Sequelize } from 'sequelize'

const { PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD } = process.env
const sequelize = new Sequelize(PGDATABASE, PGUSER, PGPASSWORD,
  { dialect: 'postgres', host: PGHOST, port: PGPORT, logging: false })

const Order = sequelize.define('Order', {
  number: { type: DataTypes.TEXT, primaryKey: true },
  customer: { type: DataTypes.TEXT, allowNull: false }
}, { tableName: 'shop_order', timestamps: false })

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
function placeOrder(number, customer, skus, quantities) {
  return sequelize.transaction(async transaction => {
    await Order.bulkCreate([{ number, customer }],
      { ignoreDuplicates: true, transaction })
    return sequelize.query(
      `SELECT sku, quantity, available, replayed
         FROM inv_deduct_many($skus, $quantities,
           reference => $number, key => $number)`,
      { bind: { skus, quantities, number }, type: QueryTypes.SELECT, transaction })
  })
}

async function order(number, ...rest) {
  try {
    for (const line of await placeOrder(number, ...rest)) {
      console.log(`${number}: ${line.quantity} ${line.sku}, ${line.available} left` +
        (line.replayed ? ' (again)' : ''))
    }
  } catch (error) {
    const { code, detail } = error.original ?? {} // the driver's error
    if (code !== 'IV001') throw error
    const short = JSON.parse(detail)
    console.log(`${number}: refused, line ${short.line} asks for ` +
      `${short.requested} ${short.sku}, ${short.available} left`)
  }
}

const skus = ['APPLE-1KG', 'BREAD']
await order('order-1', 'customer-1', skus, [2, 1])
await order('order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order('order-2', 'customer-2', skus, [1, 50])
await sequelize.close()
