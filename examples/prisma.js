// Prisma: (cd examples && npx prisma generate) && node examples/prisma.js
//
// Connects as psql does, by PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD.
// The models are in prisma/schema.prisma.

import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '@prisma/client'

// The order and its stock, in one transaction: both or neither. The order's
// number is the key, so that a repetition has no effect.
function placeOrder(prisma, number, customer, skus, quantities) {
  return prisma.$transaction(async tx => {
    await tx.order.createMany({ data: { number, customer }, skipDuplicates: true })
    return tx.$queryRaw`SELECT sku, quantity, available, replayed
      FROM inv_deduct_many(${skus}, ${quantities},
        reference => ${number}, key => ${number})`
  })
}

async function order(prisma, number, ...rest) {
  try {
    for (const line of await placeOrder(prisma, number, ...rest)) {
      console.log(`${number}: ${line.quantity} ${line.sku}, ${line.available} left` +
        (line.replayed ? ' (again)' : ''))
    }
  } catch (error) {
    const { code, detail } = error.meta?.driverAdapterError?.cause ?? {}
    if (code !== 'IV001') throw error
    const short = JSON.parse(detail)
    console.log(`${number}: refused, line ${short.line} asks for ` +
      `${short.requested} ${short.sku}, ${short.available} left`)
  }
}

const skus = ['APPLE-1KG', 'BREAD']
const prisma = new PrismaClient({ adapter: new PrismaPg({}) })
await order(prisma, 'order-1', 'customer-1', skus, [2, 1])
await order(prisma, 'order-1', 'customer-1', skus, [2, 1]) // the first answer was lost
await order(prisma, 'order-2', 'customer-2', skus, [1, 50])
await prisma.$disconnect()
