// A consumer's project in a temporary directory, with the build installed as its dependency, and its compiler.
import { spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Assertions } from 'brittle'
import { BUILD, ROOT } from './build.ts'

const DEADLINE_MS = 60_000

const CONFIG = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true
  },
  include: ['*.ts']
}

/** A project that has the build installed as its dependency. */
export async function project(t: Assertions): Promise<string> {
  const directory = await t.tmp()
  const installed = join(directory, 'node_modules/logwood')
  await mkdir(installed, { recursive: true })
  await copyFile(join(ROOT, 'package.json'), join(installed, 'package.json'))
  await symlink(BUILD.slice(0, -1), join(installed, 'dist'))
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }')
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(CONFIG))
  return directory
}

/** What the compiler has to say, empty if all is well; with `built`, a directory for the programs that it makes. */
export async function compile(directory: string, built?: string): Promise<string> {
  const path = createRequire(import.meta.url).resolve('typescript/package.json')
  const { bin } = JSON.parse(await readFile(path, 'utf-8')) as { bin: { tsc: string } }
  const words = [join(dirname(path), bin.tsc), '-p', directory, '--pretty', 'false']
  if (built !== undefined) words.push('--noEmit', 'false', '--outDir', built)
  const child = spawn(process.execPath, words, { cwd: directory, timeout: DEADLINE_MS })
  let text = ''
  child.stdout.on('data', (data) => {
    text += String(data)
  })
  child.stderr.on('data', (data) => {
    text += String(data)
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  return code === 0 ? '' : text || `the compiler ended with ${code}`
}
