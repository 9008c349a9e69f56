// How the command line is used: help, version, and what it says when it is used wrongly.
import { readFile } from 'node:fs/promises'
import { test } from 'brittle'
import { CommandLine } from './command-line.ts'

const VERBS = ['create', 'append', 'cat', 'info', 'verify', 'serve', 'fetch']

test('--help of each verb: synopsis, options, example', async (t) => {
  const line = await CommandLine.open(t)
  for (const verb of VERBS) {
    const { code, stdout, stderr } = await line.run([verb, '--help'])
    t.alike([code, stderr], [0, ''], verb)
    t.ok(stdout.startsWith(`Usage: logwood ${verb} DIR`), stdout.split('\n')[0])
    t.ok(/\nOptions:\n( {2}--[a-z].*\n)+/.test(stdout))
    t.ok(new RegExp(`\\nExample:\\n  .*logwood ${verb} \\./`).test(stdout))
  }
})

test('--help without a verb names them all', async (t) => {
  const line = await CommandLine.open(t)
  const { code, stdout } = await line.run(['--help'])
  t.is(code, 0)
  for (const verb of VERBS) t.ok(stdout.includes(`  ${verb} DIR`), verb)
})

test('--version', async (t) => {
  const line = await CommandLine.open(t)
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf-8')
  const { version } = JSON.parse(text) as { version: string }
  const { code, stdout } = await line.run(['--version'])
  t.alike([code, stdout], [0, `${version}\n`])
})

test('wrong usage: exit code 64, one clear line, a hint', async (t) => {
  const line = await CommandLine.open(t)
  const cases: [readonly string[], RegExp][] = [
    [[], /Which command/],
    [['erase', 'a'], /no command erase/],
    [['cat'], /missing: cat DIR/],
    [['cat', ''], /DIR must name/],
    [['info', 'a', 'b'], /Too many words/],
    [['info', 'a', '--lines'], /Unknown option '--lines'/],
    [['append', 'a', '--block-bytes'], /block-bytes/],
    [['append', 'a', '--block-bytes', '0'], /whole number/],
    [['append', 'a', '--block-bytes', '1e3'], /whole number/],
    [['serve', 'a'], /--tcp HOST:PORT is missing/],
    [['serve', 'a', '--tcp', '4977'], /HOST:PORT/],
    [['serve', 'a', '--tcp', '::1:4977'], /brackets/],
    [['serve', 'a', '--tcp', '[127.0.0.1]:4977'], /brackets/],
    [['serve', 'a', '--tcp', 'localhost:65536'], /port/],
    [['fetch', 'a', '--tcp', 'localhost:0'], /port/],
    [['fetch', 'a', '--tcp', 'localhost:1', 'nokey'], /KEY/],
    [['fetch', 'a', '--tcp', 'localhost:1', '0..1', '0..1'], /KEY comes before RANGE/],
    [['fetch', 'a', '--tcp', 'localhost:1', '--timeout', '0'], /--timeout/]
  ]
  for (const [words, expected] of cases) {
    const { code, stdout, stderr } = await line.run(words)
    t.alike([code, stdout], [64, ''], words.join(' '))
    const [first = '', second = ''] = stderr.split('\n')
    t.ok(first.startsWith('logwood: USAGE ') && expected.test(first), first)
    t.ok(/^ {2}hint: "logwood .*--help"$/.test(second), second)
  }
})

test('errors as JSON, on stderr', async (t) => {
  const line = await CommandLine.open(t)
  const { code, stdout, stderr } = await line.run(['--json', 'erase'])
  t.alike([code, stdout], [64, ''])
  t.alike(JSON.parse(stderr), {
    error: { code: 'USAGE', message: 'There is no command erase', hint: '"logwood --help"' }
  })
})

test('an argument cannot write to the terminal', async (t) => {
  const line = await CommandLine.open(t)
  const { stderr } = await line.run(['\u001b[31mred\n'])
  t.absent(stderr.includes('\u001b'))
})
