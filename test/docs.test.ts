// Every program in the README and in docs/ compiles for a strict consumer, runs to its end by itself, and prints what
// the page says: the fence `text` right after a program, or nothing if there is none. A program in a `js` fence is
// run, but not compiled: it uses packages that have no types.
import { spawnSync } from 'node:child_process'
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Assertions, test } from 'brittle'
import { ROOT } from './package/build.ts'
import { compile, project } from './package/project.ts'

const PROGRAM = /```(ts|js)\n([\s\S]*?)```(?:\n+```text\n([\s\S]*?)```)?/g
const DEADLINE_MS = 30_000
/** Packages of the programs that show Hypercore's ecosystem. */
const ECOSYSTEM = ['hyperbee', 'hyperbee2', 'hyperblobs', 'hyperdrive', 'hypercore', 'corestore']

interface Program {
  readonly name: string
  readonly isTyped: boolean
  readonly source: string
  readonly printed: string
}

test('the programs of README and docs', { timeout: 300_000 }, async (t) => {
  const pages = ['README.md', ...(await readdir(join(ROOT, 'docs'))).map((page) => `docs/${page}`)]
  const directory = await project(t)
  for (const name of ECOSYSTEM) {
    await symlink(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name))
  }
  const programs: Program[] = []
  for (const page of pages.filter((name) => name.endsWith('.md')).sort()) {
    programs.push(...(await programsOf(page)))
  }
  t.ok(programs.length >= 3, 'there are some')
  for (const { name, isTyped, source } of programs) {
    await writeFile(join(directory, isTyped ? `${name}.ts` : `${name}.js`), source)
  }
  const built = join(directory, 'built')
  t.is(await compile(directory, built), '', 'they compile')
  for (const program of programs) {
    await run(t, program.isTyped ? built : directory, program)
  }
})

async function programsOf(page: string): Promise<Program[]> {
  const text = await readFile(join(ROOT, page), 'utf-8')
  return [...text.matchAll(PROGRAM)].map(([, language, source = '', printed = ''], i) => ({
    name: `${basename(page, '.md')}-${i + 1}`,
    isTyped: language === 'ts',
    source,
    printed
  }))
}

async function run(t: Assertions, directory: string, program: Program): Promise<void> {
  // Each in a place of its own: what it writes is nobody else's.
  const place = await t.tmp()
  const words = ['--no-warnings', join(directory, `${program.name}.js`)]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: place,
    encoding: 'utf-8',
    timeout: DEADLINE_MS
  })
  t.is(stderr, '', `${program.name}: no errors`)
  t.is(status, 0, `${program.name} ends by itself`)
  t.is(stdout, program.printed, `${program.name} prints what the page says`)
}
