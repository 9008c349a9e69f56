// The package as a consumer's compiler sees it: a strict program compiles against the emitted declarations, wrong
// uses do not, and the declarations need nothing that is not installed with the package.
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'brittle'
import { BUILD, packageFile, ROOT } from './build.ts'
import { compile, project } from './project.ts'

const PRELUDE = `
import { connect } from 'node:net'
import {
  AbortError, type ErrorCode, keyFromText, keyToText, Log, LogwoodError, type PeerInfo, StateError
} from 'logwood'

interface Package { name: string; version: string }
`

const GOOD = `${PRELUDE}
export async function main(directory: string, keyText: string): Promise<string> {
  await using log = await Log.open<Package>(directory, { encoding: 'json' })
  const { length } = await log.append({ name: 'logwood', version: '0.1.0' })
  await log.append([{ name: 'a', version: '1.0.0' }], { durability: 'process' })
  const first: Package = await log.get(0, { timeoutMs: 1000 })
  const maybe: Package | null = await log.read(length)
  const names: string[] = [first.name, maybe?.name ?? '']
  for await (const { name } of log.createReadStream({ start: 0, end: 2 })) names.push(name)
  for await (const { version } of log) names.push(version)

  await using reader = await Log.open(null, { key: keyFromText(keyText) })
  const stream = reader.replicateOver(connect(4977, '127.0.0.1'), { isInitiator: true })
  const outer = log.replicate(true)
  outer.pipe(reader.replicate(false)).pipe(outer)
  const stop = reader.on('peer-add', (peer: PeerInfo) => names.push(String(peer.length)))
  reader.on('download', ({ index, byteLength }) => names.push(\`\${index} \${byteLength}\`))
  await stream.opened
  await reader.update({ signal: AbortSignal.timeout(1000) })
  await reader.download({ start: 0, end: 10 }).done()
  const block: Uint8Array = await reader.get(0)
  stop()
  const texts: Log<string> = log.session({ encoding: 'utf-8' })
  await texts.close()
  names.push(keyToText(reader.key), String(block.byteLength))
  return names.join()
}

export function codeOf(error: unknown): ErrorCode | null {
  if (error instanceof StateError && error.code === 'LOCKED') return 'LOCKED'
  if (error instanceof AbortError) return 'TIMEOUT'
  return error instanceof LogwoodError ? error.code : null
}
`

/** What must not compile → the statement. */
const BAD: Record<string, string> = {
  'append of another type': 'declare const log: Log<string>\nawait log.append(7)',
  'append of half a value': "declare const log: Log<Package>\nawait log.append({ name: 'a' })",
  'a value that may be null': 'declare const log: Log\nconst block: Uint8Array = await log.read(0)',
  'an unknown option': "await Log.open('a', { readonly: true })",
  'an encoding of other values':
    "const log: Log<string> = await Log.open('a', { encoding: 'binary' })",
  'an unknown encoding': "await Log.open('a', { encoding: 'xml' })",
  'an unknown event': "declare const log: Log\nlog.on('upgrade', () => {})",
  'an unknown code': "declare const error: LogwoodError\nexport const is = error.code === 'OOPS'",
  'undefined for an option': "await Log.open('a', { key: undefined })",
  'a constructor that is not public': 'new Log()'
}

test('a strict program compiles, its libraries checked too', { timeout: 90_000 }, async (t) => {
  const directory = await project(t)
  await writeFile(join(directory, 'good.ts'), GOOD)
  t.is(await compile(directory), '')
})

test('wrong uses do not compile', { timeout: 90_000 }, async (t) => {
  const directory = await project(t)
  const names = Object.keys(BAD)
  for (const [at, name] of names.entries()) {
    await writeFile(join(directory, `bad-${at}.ts`), `${PRELUDE}\n${BAD[name]}\n`)
  }
  const text = await compile(directory)
  for (const [at, name] of names.entries()) {
    const found = new RegExp(`^bad-${at}\\.ts\\(.*`, 'm').exec(text)
    t.ok(found, `${name}: ${found?.[0] ?? 'compiles'}`)
  }
})

test('every file that package.json names exists, and the bin can be run', async (t) => {
  const { exports, types, bin } = packageFile
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target)
  )
  for (const target of [...targets, types, ...Object.values(bin)]) {
    const path = target.replace(/^(\.\/)?dist\//, BUILD)
    const text = await readFile(path.startsWith('./') ? join(ROOT, path) : path, 'utf-8')
    t.ok(text.length > 0, target)
    if (Object.values(bin).includes(target)) t.ok(text.startsWith('#!/usr/bin/env node\n'))
  }
})

test('the public declarations import dependencies only', async (t) => {
  const allowed = Object.keys(packageFile.dependencies)
  const seen = new Set<string>()
  const outside = new Set<string>()
  const visit = async (file: string): Promise<void> => {
    if (seen.has(file)) return
    seen.add(file)
    const text = await readFile(file, 'utf-8')
    const imports = text.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)
    for (const [, name = ''] of imports) {
      if (name.startsWith('.')) await visit(join(dirname(file), name.replace(/\.[jt]s$/, '.d.ts')))
      else outside.add(name)
    }
    t.absent(/<reference /.test(text), `${file.slice(BUILD.length)} refers to nothing`)
  }
  await visit(join(BUILD, 'lib/index.d.ts'))
  t.ok(seen.size > 10, `${seen.size} files read`)
  for (const name of outside) {
    if (name.startsWith('node:')) continue
    t.ok(allowed.includes(name), `${name} is a dependency`)
    // Without types of its own, the consumer's compiler would know nothing of it.
    const path = join(ROOT, 'node_modules', name, 'package.json')
    const text = await readFile(path, 'utf-8')
    t.ok(/"types":/.test(text), `${name} has types`)
  }
})
