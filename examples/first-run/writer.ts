// Process A: appends the documents to a log on disk and serves it on loopback until its input ends.
// Argument: the log's directory. Prints "serving KEY PORT TREEHASH" when it is ready.
import { createServer } from 'node:net'
import { keyToText, Log } from '../../lib/index.ts'
import { type Catalogue, LOCK_FILE, manifestPaths, piecesOf, readDocument } from './documents.ts'
import { Progress } from './progress.ts'

const DOCUMENTS_PER_APPEND = 64

const [directory = ''] = process.argv.slice(2)
const paths = manifestPaths()
const pieces = piecesOf(readDocument(LOCK_FILE))
const progress = new Progress('A', 'append', paths.length + pieces.length + 1, process.stderr)

const log = await Log.open(directory)
for (let at = 0; at < paths.length; at += DOCUMENTS_PER_APPEND) {
  await log.append(paths.slice(at, at + DOCUMENTS_PER_APPEND).map(readDocument))
  progress.show(log.length)
}
await log.append(pieces)
const catalogue: Catalogue = { documents: paths, pieces: pieces.length }
await log.append(new TextEncoder().encode(JSON.stringify(catalogue)))
progress.done(`${log.length} blocks, ${log.byteLength} bytes, signed and synced to disk`)

const server = createServer((socket) => {
  socket.setNoDelay(true)
  log.replicateOver(socket, { isInitiator: false })
})
const treeHash = Buffer.from(await log.treeHash()).toString('hex')
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  console.log(`serving ${keyToText(log.key)} ${port} ${treeHash}`)
})
process.stdin.on('end', () => process.exit(0)).resume()
