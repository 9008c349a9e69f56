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
  const { key, port } = await announcement()
  finish(await read(key, port))
} catch (error) {
  finish(1, String(error))
}

/** The line that the writer prints when its log can be fetched. Everything before is progress. */
function announcement(): Promise<{ key: string; port: string }> {
  return new Promise((resolve, reject) => {
    let text = ''
    writer.stdout.setEncoding('utf-8')
    writer.stdout.on('data', (chunk: string) => {
      text += chunk
      const found = /^serving (\S+) (\d+)$/m.exec(text)
      if (found !== null) resolve({ key: found[1] ?? '', port: found[2] ?? '' })
    })
    writer.once('exit', (code) => reject(new Error(`process A ended with ${code}`)))
  })
}

function read(key: string, port: string): Promise<number> {
  const words = [script('./reader.js'), join(directory, 'b'), key, port]
  const reader = spawn(process.execPath, words, { stdio: 'inherit' })
  return new Promise((resolve) => reader.once('exit', (code) => resolve(code ?? 1)))
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
