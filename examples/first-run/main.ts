// First run: real data, from one process to another. Process A appends every package manifest below
// node_modules, and the lock file in pieces, to a signed log on disk. Process B knows only the log's key and an
// address on loopback: it fetches ten documents, then all, and checks everything. Nothing stays behind.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TIMEOUT_MS = 120_000

const directory = mkdtempSync(join(tmpdir(), 'logwood-first-run-'))
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const writer = spawn(process.execPath, [script('./writer.js'), join(directory, 'a')], {
  stdio: ['pipe', 'pipe', 'inherit']
})
const timer = setTimeout(() => finish(1, 'it took too long'), TIMEOUT_MS)
process.on('SIGINT', () => finish(130, 'interrupted'))
process.on('SIGTERM', () => finish(143, 'interrupted'))

try {
  const { key, port, treeHash } = await announcement()
  const result = await read(key, port)
  if (result.code !== 0) finish(result.code)
  else if (result.treeHash !== treeHash) finish(1, "the tree hash is not the writer's")
  else finish(0)
} catch (error) {
  finish(1, String(error))
}

/** The line that the writer prints when its log can be fetched. Everything before is progress. */
function announcement(): Promise<{ key: string; port: string; treeHash: string }> {
  return new Promise((resolve, reject) => {
    let text = ''
    writer.stdout.setEncoding('utf-8')
    writer.stdout.on('data', (chunk: string) => {
      text += chunk
      const [, key, port, treeHash] = /^serving (\S+) (\d+) (\S+)$/m.exec(text) ?? []
      if (key && port && treeHash) resolve({ key, port, treeHash })
    })
    writer.once('exit', (code) => reject(new Error(`process A ended with ${code}`)))
  })
}

/** Process B gets the key and the address, nothing else. It reports the tree hash that it arrived at. */
function read(key: string, port: string): Promise<{ code: number; treeHash: string }> {
  const words = [script('./reader.js'), join(directory, 'b'), key, port]
  const reader = spawn(process.execPath, words, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  let treeHash = ''
  reader.on('message', (message) => {
    treeHash = String(message)
  })
  return new Promise((resolve) =>
    reader.once('exit', (code) => resolve({ code: code ?? 1, treeHash }))
  )
}

function finish(code: number, why?: string): void {
  clearTimeout(timer)
  if (why !== undefined) console.error(`first-run: ${why}`)
  writer.removeAllListeners('exit')
  writer.once('exit', () => {
    rmSync(directory, { recursive: true, force: true })
    process.exit(code)
  })
  if (writer.exitCode !== null) writer.emit('exit')
  else writer.kill('SIGKILL')
}
