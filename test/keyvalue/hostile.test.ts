// What a hostile writer can sign: cycles, pointers to newer blocks, entries in wrong places, endless chains, fan-out
// without entries. Each is MALFORMED or TOO_DEEP for the keys that it concerns, after few reads.
import { test } from 'brittle'
import { writeCommit, writePage } from '../../lib/keyvalue/block-writer.ts'
import { encodeHeader } from '../../lib/keyvalue/header.ts'
import { KeyValue } from '../../lib/keyvalue/keyvalue.ts'
import { HASHED, type Paths, pathsOf } from '../../lib/keyvalue/path.ts'
import {
  AliasNode,
  branchWith,
  SpanNode,
  TrieLeaf,
  type TrieNode,
  UNSAVED
} from '../../lib/keyvalue/trie.ts'
import { Log } from '../../lib/log/log.ts'
import { fromUtf8 } from '../../lib/util/bytes.ts'
import { errorOf } from '../helpers/replication.ts'

const HEADER = {
  pathFunction: HASHED,
  seed: new Uint8Array(32).fill(9),
  metadata: new Uint8Array(0)
} as const
const paths: Paths = pathsOf(HEADER)

function leaf(name: string): TrieLeaf {
  const key = [fromUtf8(name)]
  const value = { inline: fromUtf8('v') }
  return new TrieLeaf({ key, path: paths.pathOf(key), value, source: UNSAVED, version: UNSAVED })
}

/** A store whose blocks from 1 on are these; the last one is the head. */
async function storeOf(blocks: readonly Uint8Array[]): Promise<KeyValue<string, string>> {
  const log = await Log.open(null)
  await log.append([encodeHeader(HEADER), ...blocks])
  // A snapshot cannot be written to: its entries are not taken for the reader's own.
  return await KeyValue.open(log.snapshot(), { valueEncoding: 'utf-8' })
}

function commit(seq: number, root: TrieNode): Uint8Array {
  return writeCommit({ seq, lead: 0, root, count: 1, checkpoint: null })
}

async function listAll(kv: KeyValue<string, string>): Promise<void> {
  for await (const _ of kv.entries());
}

/** The first symbol of "hello" under this seed. */
const FIRST = 8

test('an entry in another key’s place: not found there, and no list shows it', async (t) => {
  const kv = await storeOf([commit(1, branchWith(0, [FIRST, leaf('npm')], [1, leaf('x')]))])
  t.is(await kv.get('hello'), null)
  t.is(await kv.get('npm'), null)
  t.is(await errorOf(listAll(kv)), 'FormatError MALFORMED')
})

test('a chain of aliases without end', async (t) => {
  const blocks = [commit(1, leaf('hello'))]
  for (let seq = 2; seq < 400; seq++) blocks.push(commit(seq, new AliasNode(seq - 1)))
  const kv = await storeOf(blocks)
  t.is(await errorOf(kv.get('hello')), 'FormatError TOO_DEEP')
  t.is(await errorOf(listAll(kv)), 'FormatError TOO_DEEP')
})

test('a pointer to a block that does not hold the place', async (t) => {
  const blocks = [
    commit(1, leaf('hello')),
    commit(2, branchWith(0, [3, 1])),
    commit(3, branchWith(0, [FIRST, 2]))
  ]
  const kv = await storeOf(blocks)
  t.is(await errorOf(kv.get('hello')), 'FormatError MALFORMED')
  t.is(await errorOf(listAll(kv)), 'FormatError MALFORMED')
})

test('pages of a span that are none, and inline spans that lead on to newer blocks', async (t) => {
  const pages = Array.from({ length: 16 }, (_, i) => writePage({ seq: i + 1, lead: 0, root: null }))
  const span = { level: 0, digits: 1, base: 1 }
  const sound = await storeOf([...pages, commit(17, new SpanNode(span))])
  t.is(await sound.get('hello'), null)
  await listAll(sound)

  // The page of the span is the head itself.
  const spans = [{ checkpoint: 17, level: 0, digits: 1, base: 1 }]
  const head = writeCommit({
    seq: 18,
    lead: 0,
    root: branchWith(0, [FIRST, 17]),
    count: 1,
    checkpoint: { newest: 17, floor: null, spans }
  })
  const values = Array.from({ length: 16 }, () => Uint8Array.of(3, 0))
  const broken = await storeOf([...values, commit(17, leaf('x')), head])
  t.is(await errorOf(broken.get('hello')), 'FormatError MALFORMED')
})

test('a log that is something else, and a store of a later format', async (t) => {
  const log = await Log.open(null)
  await log.append([fromUtf8('hello'), fromUtf8('world'), fromUtf8('!')])
  const kv = await KeyValue.open(log)
  t.is(await errorOf(kv.get('a')), 'FormatError MALFORMED')
  const later = encodeHeader(HEADER)
  later[5] = 2
  const other = await Log.open(null)
  await other.append([later, commit(1, leaf('hello'))])
  t.is(await errorOf((await KeyValue.open(other)).get('hello')), 'FormatError UNSUPPORTED')
})
