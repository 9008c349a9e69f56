// The architecture as a test: who may import whom, where outside dependencies enter, which places are pure,
// how long a file may be. It reads the sources, not the build.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'brittle'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const LIB = join(ROOT, 'lib')

/** folder → folders it may import. An entry names only entries before it, so there are no cycles. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  util: [],
  crypto: ['util'],
  merkle: ['util', 'crypto'],
  storage: ['util', 'crypto', 'merkle'],
  core: ['util', 'crypto', 'merkle', 'storage'],
  noise: ['util', 'crypto'],
  'secret-stream': ['util', 'crypto', 'noise'],
  mux: ['util'],
  replication: ['util', 'crypto', 'merkle', 'mux'],
  // merkle: proofs and heads are part of the public face; storage: a log is opened from files.
  log: ['util', 'crypto', 'merkle', 'storage', 'core', 'replication', 'secret-stream', 'mux'],
  // storage: the files of a store; core: keys of logs; mux and replication: whether a peer may have a log that it opens.
  store: ['util', 'crypto', 'storage', 'core', 'secret-stream', 'mux', 'replication', 'log'],
  backup: ['util', 'crypto', 'merkle', 'core', 'storage', 'log'],
  keyvalue: ['util', 'crypto', 'log'],
  // The shape of npm hypercore and corestore over a log and a store: types and names of all that they are made of.
  hypercore: [
    'util',
    'crypto',
    'merkle',
    'storage',
    'core',
    'mux',
    'secret-stream',
    'replication',
    'log'
  ],
  // The same for many cores.
  corestore: ['util', 'crypto', 'storage', 'core', 'mux', 'log', 'store', 'hypercore'],
  // storage and secret-stream: the ports whose twins it gives.
  sim: ['util', 'storage', 'secret-stream'],
  cli: []
}

/** Files at the top of lib/ that every folder may import. */
const FREE = ['errors.ts', 'env.ts']

/** outside module → the places where it may enter. */
const DOORWAYS: Record<string, readonly string[]> = {
  'sodium-native': ['crypto/'],
  'random-access-file': ['storage/'],
  'compact-encoding': ['util/codec.ts'],
  b4a: ['util/bytes.ts'],
  streamx: ['secret-stream/', 'log/', 'hypercore/', 'corestore/'],
  'node:fs': ['cli/', 'storage/'],
  'node:fs/promises': ['cli/', 'storage/'],
  'node:crypto': ['env.ts'],
  // Who comes from Hypercore expects an EventEmitter.
  'node:events': ['hypercore/', 'corestore/'],
  'node:zlib': ['storage/'],
  'node:os': ['storage/', 'cli/'],
  'node:path': ['storage/', 'cli/'],
  'node:net': ['cli/'],
  'node:util': ['cli/'],
  'node:process': ['cli/'],
  'node:readline': ['cli/'],
  'node:stream/promises': ['cli/']
}

const PURE = ['merkle/', 'noise/', 'replication/model/']
const IMPURE =
  /\b(async|await|Promise|setTimeout|setInterval|queueMicrotask|Date|performance)\b|Math\.random/

const MAX_LINES = 350
/** file → why it may be longer. */
const LONGER: Record<string, string> = {
  'hypercore/hypercore.ts':
    'the public face of a session in the shape of Hypercore: a method for each verb',
  'keyvalue/keyvalue.ts':
    'the public face of a store: a method for each verb, half of it what they promise',
  'core/core.ts': 'the facade of one log: a method for each thing that can be asked of it',
  'log/log.ts': 'the public face of a log: a method for each verb, half of it what they promise'
}

interface Source {
  readonly path: string
  readonly text: string
  readonly code: string
  readonly imports: readonly string[]
}

const sources: readonly Source[] = readdirSync(LIB, { recursive: true, encoding: 'utf-8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(LIB, path), 'utf-8')
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
    const imports = [...code.matchAll(/(?:from|import)\s*\(?'([^']+)'/g)].map((match) => match[1]!)
    return { path, text, code, imports }
  })

test('folders import only what the table allows', (t) => {
  for (const { path, imports } of sources) {
    if (path === 'index.ts' || !path.includes('/')) continue
    const folder = path.split('/')[0]!
    const allowed = MAY_IMPORT[folder]
    if (allowed === undefined) {
      t.fail(`${path}: folder ${folder} is not in the table`)
      continue
    }
    for (const name of imports.filter((name) => name.startsWith('.'))) {
      const target = normalize(join(dirname(path), name))
      if (FREE.includes(target) || target.startsWith(`${folder}/`)) continue
      if (folder === 'cli' && target === 'index.ts') continue
      if (!allowed.includes(target.split('/')[0]!)) t.fail(`${path} imports ${target}`)
    }
  }
  t.ok(sources.length > 40, `${sources.length} files read`)
})

test('the table has no cycles', (t) => {
  const seen: string[] = []
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    for (const name of allowed) t.ok(seen.includes(name), `${folder} may import ${name}`)
    seen.push(folder)
  }
})

test('outside dependencies enter through their doorways', (t) => {
  const dependencies = new Set<string>()
  for (const { path, imports } of sources) {
    for (const name of imports.filter((name) => !name.startsWith('.'))) {
      const doors = DOORWAYS[name]
      const open = doors?.some((door) => path.startsWith(door)) ?? false
      if (!open) t.fail(`${path} imports ${name}`)
      if (!name.startsWith('node:')) dependencies.add(name)
    }
  }
  const named = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf-8')) as {
    dependencies: Record<string, string>
  }
  t.alike([...dependencies].sort(), Object.keys(named.dependencies).sort(), 'all are used')
})

test('pure places wait for nothing and read no clock', (t) => {
  let count = 0
  for (const { path, code } of sources) {
    if (!PURE.some((place) => path.startsWith(place))) continue
    count++
    const found = IMPURE.exec(code)
    if (found !== null) t.fail(`${path} uses ${found[0]}`)
  }
  t.ok(count > 10, `${count} pure files`)
})

test('no file is too long, each begins with a sentence', (t) => {
  for (const { path, text } of sources) {
    const lines = text.split('\n').length - 1
    if (lines > MAX_LINES && LONGER[path] === undefined) t.fail(`${path} has ${lines} lines`)
    const start = text.startsWith('#!') ? text.slice(text.indexOf('\n') + 1) : text
    if (!/^\/\/ \S/.test(start)) t.fail(`${path} has no header`)
  }
  t.pass()
})

/** What users import: these re-export. */
const ENTRIES = ['index.ts', 'sim/index.ts', 'hypercore/hypercore.ts', 'corestore/corestore.ts']

/** Drop-ins for packages that are loaded by their default: `import Hypercore from`, `require`. */
const DEFAULT_EXPORTS = ['hypercore/hypercore.ts', 'corestore/corestore.ts']

test('nothing but the drop-ins has a default export', (t) => {
  for (const { path, code } of sources) {
    if (/^export default |as default\b/m.test(code) && !DEFAULT_EXPORTS.includes(path)) {
      t.fail(`${path} has a default export`)
    }
  }
  t.pass()
})

test('only the entries re-export; clock and chance come from env.ts', (t) => {
  for (const { path, code } of sources) {
    if (!ENTRIES.includes(path) && /export\s+(type\s+)?(\*|\{[^}]*\})\s+from/.test(code)) {
      t.fail(`${path} re-exports`)
    }
    const free = path === 'env.ts' || path.startsWith('cli/')
    if (
      !free &&
      /\b(setTimeout|setInterval|Date\.now|performance\.now)\b|Math\.random/.test(code)
    ) {
      t.fail(`${path} uses a clock or chance of its own`)
    }
  }
  t.pass()
})
