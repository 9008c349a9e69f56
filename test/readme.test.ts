// The README's programs compile for a strict consumer, and print what their comments say.
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'brittle'
import { ROOT } from './package/build.ts'
import { compile, project } from './package/project.ts'

const PRINTED = ['water\nflour\nwater\nsalt\n', 'inbox 1\ninbox 0\n']

test('the examples of the README', { timeout: 120_000 }, async (t) => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf-8')
  const programs = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  t.is(programs.length, PRINTED.length)
  const directory = await project(t)
  for (const [i, program] of programs.entries()) {
    await writeFile(join(directory, 'example.ts'), program)
    t.is(await compile(directory), '', 'it compiles')
    await writeFile(join(directory, 'example.mjs'), program)
    const run = spawnSync(process.execPath, ['example.mjs'], {
      cwd: directory,
      encoding: 'utf-8',
      timeout: 30_000
    })
    t.is(run.stderr, '')
    t.is(run.status, 0, 'it ends by itself')
    t.is(run.stdout, PRINTED[i])
  }
})
