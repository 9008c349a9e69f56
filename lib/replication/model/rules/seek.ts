// Rule: somebody looks for a byte. Ask for the path to a random block of where it can be, with a seek in it;
// one question in flight per seek (spec replication.md section 8.3).
import type { SeekNeed } from '../demand.ts'
import {
  type Candidate,
  findAskable,
  makeRequest,
  seekRequest,
  upgradePart,
  type View
} from './rule.ts'

export function seekRule(view: View): Candidate | null {
  for (const need of view.demand.seeks.values()) {
    if (view.inflight.hasSeek(need.id)) continue
    const candidate = need.start >= view.local.length ? beyond(view, need) : within(view, need)
    if (candidate !== null) return candidate
  }
  return null
}

function beyond(view: View, need: SeekNeed): Candidate | null {
  const upgrade = upgradePart(view)
  if (upgrade === null) return null
  const { byteOffset, padding } = need
  const request = makeRequest(view, { seek: { byteOffset, padding }, upgrade })
  return { request, priority: 1, assumes: false, seekNeed: need.id }
}

function within(view: View, need: SeekNeed): Candidate | null {
  const { start, end, byteOffset, padding } = need
  const middle = start + Math.floor(view.random() * (end - start))
  let index = findAskable(view, middle, end)
  if (index === -1) index = findAskable(view, start, middle)
  if (index === -1) return null
  const depth = Math.round(Math.log2(end - start))
  const request = seekRequest(view, index, depth, { byteOffset, padding })
  return request === null ? null : { request, priority: 1, assumes: false, seekNeed: need.id }
}
