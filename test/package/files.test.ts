// What would be published: the library and its papers, nothing else; and what it depends on, name by name.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'brittle'
import { BUILD, IS_DIST, packageFile, ROOT } from './build.ts'

const PAPERS = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']

const DEPENDENCIES = ['b4a', 'compact-encoding', 'random-access-file', 'sodium-native', 'streamx']

async function packedFiles(): Promise<string[]> {
  const words = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline']
  const child = spawn('npm', words, {
    cwd: ROOT,
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32'
  })
  let text = ''
  child.stdout.on('data', (data) => {
    text += String(data)
  })
  await new Promise((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  })
  const [packed] = JSON.parse(text) as [{ files: { path: string }[] }]
  return packed.files.map(({ path }) => path).sort()
}

test('packed files', { timeout: 90_000 }, async (t) => {
  const files = await packedFiles()
  const library = files.filter((path) => /^dist\/lib\/.*\.(js|d\.ts)$/.test(path))
  const others = files.filter((path) => !library.includes(path))
  t.alike(
    others.filter((path) => !PAPERS.includes(path)),
    [],
    'only the library and its papers'
  )
  for (const name of ['LICENSE', 'package.json']) t.ok(others.includes(name), name)
  t.absent(files.some((path) => /test|vector|bench|example|\.map$/.test(path)))
  if (!IS_DIST) return t.comment('skipped: the build is not in dist')
  const built = readdirSync(`${BUILD}lib`, { recursive: true, encoding: 'utf-8' })
    .filter((path) => /\.(js|d\.ts)$/.test(path))
    .map((path) => `dist/lib/${path.replaceAll('\\', '/')}`)
  t.alike(library, built.sort(), 'the whole library')
})

/** All that an installation of Logwood brings along: a new name here is a decision, not an accident. */
const TREE = [
  'b4a',
  'bare-addon-resolve',
  'bare-ansi-escapes',
  'bare-assert',
  'bare-buffer',
  'bare-events',
  'bare-fs',
  'bare-inspect',
  'bare-module-resolve',
  'bare-path',
  'bare-semver',
  'bare-stream',
  'bare-type',
  'bare-url',
  'compact-encoding',
  'events-universal',
  'fast-fifo',
  'queue-tick',
  'random-access-file',
  'random-access-storage',
  'require-addon',
  'sodium-native',
  'streamx',
  'teex',
  'text-decoder',
  'which-runtime'
]

interface Locked {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
  readonly hasInstallScript?: boolean
  readonly integrity?: string
}

test('the dependency tree: known names, no install scripts, all with their hashes', (t) => {
  const lock = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf-8')) as {
    packages: Record<string, Locked>
  }
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
  const names = packages
    .filter(([, { dev, optional, devOptional }]) => !(dev || optional || devOptional))
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
  t.alike([...new Set(names)].sort(), TREE)
  const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true)
  t.alike(
    scripted.map(([path]) => path),
    []
  )
  // The linter's builds for other platforms are named without a hash: they are not installed here.
  const unhashed = packages.filter(
    ([, { integrity, dev, optional }]) => integrity === undefined && !(dev && optional)
  )
  t.alike(
    unhashed.map(([path]) => path),
    []
  )
})

test('dependencies', (t) => {
  t.alike(Object.keys(packageFile.dependencies).sort(), DEPENDENCIES)
  for (const [name, range] of Object.entries(packageFile.dependencies)) {
    t.ok(/^\d+\.\d+\.\d+$/.test(range), `${name} is pinned: ${range}`)
  }
})
