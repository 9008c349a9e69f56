// All cases, in the order in which they run.
import type { BenchCase } from '../harness.ts'
import { appendLarge } from './append-64k.bench.ts'
import { appendBatch } from './append-100b-batch-1000.bench.ts'
import { append10Callers, append100Callers } from './append-100b-callers.bench.ts'
import { appendSingle } from './append-100b-single.bench.ts'
import { copyLarge, copySmall } from './copy-tcp.bench.ts'
import { getRandom, getSequential } from './get-100b.bench.ts'
import {
  manyLogsCopy,
  manyLogsHeap,
  manyLogsIdle,
  manyLogsPeersHeap,
  manyLogsRss
} from './many-logs.bench.ts'
import { proofKeep, proofMake, proofVerify } from './proof-block.bench.ts'
import { reopen } from './reopen-200000.bench.ts'
import { sparse } from './sparse-5000-of-200000.bench.ts'

export const cases: readonly BenchCase[] = [
  appendSingle,
  append10Callers,
  append100Callers,
  appendBatch,
  appendLarge,
  reopen,
  getRandom,
  getSequential,
  proofMake,
  proofVerify,
  proofKeep,
  copySmall,
  copyLarge,
  sparse,
  manyLogsCopy,
  manyLogsIdle,
  manyLogsHeap,
  manyLogsRss,
  manyLogsPeersHeap
]
