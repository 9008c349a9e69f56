// The serving process of the copy cases: fills a log and replicates it to whoever connects, until it is killed
// or its standard input ends.
// Arguments: engine, directory, number of blocks, bytes per block. Prints one line of JSON: key and port.
import { createServer } from 'node:net'
import { isEngineName } from './harness.ts'
import { fill, open } from './workloads.ts'

const [engine = '', directory = '', count = '', byteLength = ''] = process.argv.slice(2)
if (!isEngineName(engine)) throw new Error(`Unknown engine ${engine}`)

const log = await open(engine === 'logwood' ? { engine, level: 'process' } : { engine }, directory)
await fill(log, Number(count), Number(byteLength))

const server = createServer((socket) => {
  socket.setNoDelay(true)
  log.replicate(false, socket)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  console.log(JSON.stringify({ key: Buffer.from(log.key).toString('hex'), port }))
})
process.stdin.on('end', () => process.exit(0)).resume()
