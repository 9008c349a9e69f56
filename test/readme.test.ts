// The README's program compiles for a strict consumer, and prints what its comments say.
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'brittle'
import { ROOT } from './package/build.ts'
import { compile, project } from './package/project.ts'

test('the example of the README', { timeout: 90_000 }, async (t) => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf-8')
  const programs = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  t.is(programs.length, 1)
  const [program = ''] = programs
  const directory = await project(t)
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
  t.is(run.stdout, 'water\nflour\nwater\nsalt\n')
})
