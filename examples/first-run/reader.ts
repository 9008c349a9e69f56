// Process B: knows a log's key and an address. Fetches ten random documents, then everything; compares each
// block with the file it came from and the tree with the writer's head. Exit code 1 if anything differs.
// Arguments: directory, key, port.
import { connect } from 'node:net'
import { Log, type Transfer } from '../../lib/index.ts'
import { type Catalogue, LOCK_FILE, piecesOf, readDocument } from './documents.ts'
import { Progress } from './progress.ts'

const SAMPLES = 10

const [directory = '', key = '', port = ''] = process.argv.slice(2)
const log = await Log.open(directory, { key })
const socket = connect(Number(port), '127.0.0.1')
socket.setNoDelay(true)
const stream = log.replicateOver(socket, { isInitiator: true })
const transfers = new Map<number, Transfer>()
log.on('download', (transfer) => transfers.set(transfer.index, transfer))

await log.update()
const last = await log.get(log.length - 1)
const { documents, pieces } = JSON.parse(new TextDecoder().decode(last)) as Catalogue

console.log(`\nB  sparse: ${SAMPLES} of ${log.length} blocks`)
for (const index of samples(documents.length)) {
  const value = await log.get(index)
  const transfer = transfers.get(index)
  const uncles = String(transfer?.uncles ?? 0).padStart(2)
  const bytes = String(value.byteLength).padStart(6)
  console.log(
    `   block ${String(index).padStart(4)}  ${bytes} bytes  ${uncles} uncles  ${documents[index]}`
  )
}

const before = { blocks: transfers.size, bytes: stream.bytesIn }
const progress = new Progress('B', 'fetch all', log.length, process.stdout)
const start = performance.now()
const watch = log.on('download', () => progress.show(transfers.size))
await log.download().done()
const seconds = (performance.now() - start) / 1000
watch()
progress.done(`${log.length} blocks`)

const differing = await check()
const treeHash = Buffer.from(await log.treeHash()).toString('hex')
const fetched = transfers.size - before.blocks
console.log(`
   blocks                ${log.length}
   bytes of blocks       ${log.byteLength}
   bytes on the wire     ${stream.bytesIn} in, ${stream.bytesOut} out
   blocks per second     ${Math.round(fetched / seconds)}
   tree hash             ${treeHash}
   differing blocks      ${differing}
`)
const whole = log.contiguousLength === log.length
await log.close()
console.log(
  whole && differing === 0 ? 'B  every block is here and as written' : 'B  THE COPY DIFFERS'
)
if (process.send !== undefined) {
  await new Promise((resolve) => process.send?.(treeHash, undefined, undefined, resolve))
}
process.exit(whole && differing === 0 ? 0 : 1)

/** Number of blocks that are not what the files say. The head's signature was checked when it came. */
async function check(): Promise<number> {
  const expected = [...documents.map(readDocument), ...piecesOf(readDocument(LOCK_FILE))]
  let wrong = expected.length === log.length - 1 && pieces > 0 ? 0 : 1
  for (const [index, bytes] of expected.entries()) {
    if (Buffer.compare(await log.get(index), bytes) !== 0) wrong++
  }
  return wrong
}

function samples(max: number): number[] {
  const chosen = new Set<number>()
  while (chosen.size < Math.min(SAMPLES, max)) chosen.add(Math.floor(Math.random() * max))
  return [...chosen]
}
