// T-FUZZ of the command line's words: a value or a UsageError, whatever was typed.
import { test } from 'brittle'
import { Arguments, parseKey, parseRange } from '../../lib/cli/arguments.ts'
import { parseTcpAddress } from '../../lib/cli/tcp-address.ts'
import { fromUtf8, toUtf8 } from '../../lib/util/bytes.ts'
import { type DecodeTarget, fuzzDecoder, tellAll } from '../helpers/decode-fuzz.ts'

const TIMEOUT = { timeout: 3_600_000 }

function target(
  name: string,
  samples: readonly string[],
  parse: (text: string) => unknown,
  isSound: (value: unknown) => boolean
): DecodeTarget {
  return {
    name,
    sample: (random) => fromUtf8(samples[random.int(samples.length)]!),
    decode: (bytes) => parse(toUtf8(bytes)),
    errors: ['UsageError'],
    check: (value) => (isSound(value) ? null : `${JSON.stringify(value)} came out`)
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const targets: readonly DecodeTarget[] = [
  target('range', ['5', '0..100', '10..', '..100'], parseRange, (value) => {
    const { start, end } = value as { start: number; end: number | null }
    return isCount(start) && (end === null || (isCount(end) && end >= start))
  }),
  target(
    'address',
    ['127.0.0.1:9000', '[::1]:4977', 'localhost:1'],
    (text) => parseTcpAddress(text, 0),
    (value) => {
      const { host, port } = value as { host: string; port: number }
      return host.length > 0 && isCount(port) && port <= 65_535
    }
  ),
  target(
    'key',
    ['y'.repeat(52), '0a'.repeat(32), `pear://${'y'.repeat(52)}/x`],
    parseKey,
    (value) => (value as Uint8Array).byteLength === 32
  ),
  target(
    'words',
    ['--json', '--help DIR', 'DIR 0..5', '--json -- --x'],
    (text) => Arguments.parse(text.split(' '), null),
    (value) => value instanceof Arguments
  )
]

test('T-FUZZ the command line', TIMEOUT, (t) => {
  tellAll(
    t,
    'T-FUZZ cli',
    targets.map((each, i) => fuzzDecoder(t, each, i + 61))
  )
  t.pass()
})
