// Which nodes does the answer to a request consist of? Follows from geometry alone, but for the node that a
// seek ends at, which the caller finds with Seek (spec log.md section 10). Pure: plan, read once, fill.
//
// The lists, in wire order, for a request at a responder of some length:
//   path        the siblings from the requested node up; before them the node itself if a hash was asked
//   seek        the sought node, then siblings up to the node of another list that it replaces
//   upgrade     from the asker's length to the asked one
//   additional  from there to the responder's length, whose signature is the only one there is
//
// A requested or sought node in the new region replaces the upgrade node above it; a sought node in the old
// region replaces the sibling of the path above it. Nothing is sent that the asker can compute.
//
// Example, responder of 13 blocks (roots 7, 19, 24): block 6 with upgrade 3 + 5 gives path 14 9 (climbing
// to 11), upgrade 6, additional 19 24.
import { ProofError } from '../errors.ts'
import { MAX_LENGTH } from './constants.ts'
import { containsNode, endOf, leafOf, rootsOf, siblingOf } from './flat-tree.ts'
import type { Node } from './node.ts'
import type { ProofRequest } from './proof.ts'

/** The nodes of an answer, list by list; an absent part is null. */
export interface ProofNodes {
  readonly path: readonly Node[] | null
  readonly seek: readonly Node[] | null
  readonly upgrade: readonly Node[] | null
  readonly additional: readonly Node[] | null
}

/** Where a seek is looked for: from the roots of a length, or under one node. */
export type SeekScope =
  | { readonly kind: 'head'; readonly length: number }
  | { readonly kind: 'subtree'; readonly nodeIndex: number }

const none: readonly Node[] = []

export class ProofPlan {
  /** All nodes to read, in the order that fill takes them. */
  readonly nodeIndexes: readonly number[]
  readonly #seekStart: number
  readonly #upgradeStart: number
  readonly #additionalStart: number
  readonly #parts: { readonly path: boolean; readonly seek: boolean; readonly upgrade: boolean }

  constructor(path: number[] | null, seek: number[] | null, upgrade: UpgradeLists | null) {
    const all = path ?? []
    this.#seekStart = all.length
    if (seek !== null) for (const nodeIndex of seek) all.push(nodeIndex)
    this.#upgradeStart = all.length
    if (upgrade !== null) for (const nodeIndex of upgrade.nodes) all.push(nodeIndex)
    this.#additionalStart = all.length
    if (upgrade !== null) for (const nodeIndex of upgrade.additional) all.push(nodeIndex)
    this.nodeIndexes = all
    this.#parts = { path: path !== null, seek: seek !== null, upgrade: upgrade !== null }
  }

  /** The lists made of the nodes read, which are in the order of nodeIndexes; null if one of them is missing. */
  fill(nodes: readonly (Node | null)[]): ProofNodes | null {
    for (const node of nodes) if (node === null) return null
    const held = nodes as readonly Node[]
    return {
      path: this.#parts.path ? sliceOf(held, 0, this.#seekStart) : null,
      seek: this.#parts.seek ? sliceOf(held, this.#seekStart, this.#upgradeStart) : null,
      upgrade: this.#parts.upgrade
        ? sliceOf(held, this.#upgradeStart, this.#additionalStart)
        : null,
      additional: this.#parts.upgrade ? sliceOf(held, this.#additionalStart, held.length) : null
    }
  }
}

interface UpgradeLists {
  readonly nodes: number[]
  readonly additional: readonly number[]
}

/**
 * Plans the answer that a log of that length gives. `soughtNode` is where the seek part ended (see
 * seekScope), null if there is none.
 * @throws ProofError BAD_MESSAGE if no log of that length can answer the request
 */
export function planProof(
  length: number,
  request: ProofRequest,
  soughtNode: number | null
): ProofPlan {
  if (length === 0) return new ProofPlan(null, null, null)
  const upgrade = checkedUpgrade(length, request)
  const target = targetOf(request)
  if (target !== null && isOld(target, request)) {
    const top = climbed(length, request, target)
    const seek = soughtNode === null ? null : seekBeside(target, top, soughtNode)
    const path = pathTo(request, target, top, seek === null ? null : soughtNode)
    return new ProofPlan(path, seek, upgrade)
  }
  if (upgrade === null) return new ProofPlan(null, null, null)
  return target === null ? planSought(upgrade, soughtNode) : planNew(upgrade, request, target)
}

/** With a node of the new region, which replaces the upgrade node above it. */
function planNew(upgrade: UpgradeLists, request: ProofRequest, target: number): ProofPlan {
  if (request.seek !== null) throw impossible('A seek and a new node in one request')
  const top = takeContaining(upgrade.nodes, target)
  if (top === -1) throw impossible(`Node ${target} is not below the upgrade`)
  return new ProofPlan(pathTo(request, target, top, null), null, upgrade)
}

/** With the node of a seek from the head; one in the old region does not show. */
function planSought(upgrade: UpgradeLists, soughtNode: number | null): ProofPlan {
  if (soughtNode === null) return new ProofPlan(null, null, upgrade)
  const top = takeContaining(upgrade.nodes, soughtNode)
  if (top === -1) return new ProofPlan(null, null, upgrade)
  return new ProofPlan(null, [soughtNode, ...siblings(soughtNode, top)], upgrade)
}

/**
 * Where the byte of the request's seek part is to be looked for; null if there is none, or none that could
 * show in the answer.
 * @throws ProofError BAD_MESSAGE
 */
export function seekScope(length: number, request: ProofRequest): SeekScope | null {
  if (request.seek === null || length === 0) return null
  checkUpgrade(length, request)
  const target = targetOf(request)
  if (target !== null && isOld(target, request)) {
    return { kind: 'subtree', nodeIndex: climbed(length, request, target) }
  }
  if (target !== null) throw impossible('A seek and a new node in one request')
  if (request.upgrade === null) return null
  return { kind: 'head', length: request.upgrade.start + request.upgrade.length }
}

/** The nodes that take a reader from one length to a larger one, left to right (spec log.md section 10.4). */
export function upgradeNodes(from: number, to: number): number[] {
  const roots = rootsOf(to)
  if (from === 0) return roots
  const nodes: number[] = []
  const last = leafOf(from - 1)
  for (const root of roots) {
    if (endOf(root) <= from) continue
    if (containsNode(root, last)) climbRight(last, root, nodes)
    else nodes.push(root)
  }
  return nodes
}

/** The nodes whose byte lengths add up to the byte offset of a block, or of the end if it is the length. */
export function offsetNodes(index: number): number[] {
  return rootsOf(index)
}

/** Collects the siblings on the right from a node up to one above it. */
function climbRight(from: number, top: number, nodes: number[]): void {
  let at = from
  while (at !== top) {
    const sibling = siblingOf(at)
    if (sibling > at) nodes.push(sibling)
    at = (at + sibling) / 2
  }
}

function targetOf(request: ProofRequest): number | null {
  if (request.block !== null) return leafOf(request.block.index)
  return request.hash === null ? null : request.hash.nodeIndex
}

/** Whether all that the node covers is in the asker's tree already, so that it climbs as far as it was told. */
function isOld(target: number, request: ProofRequest): boolean {
  return request.upgrade === null || endOf(target) <= request.upgrade.start
}

/** The top of the climb from an old node. */
function climbed(length: number, request: ProofRequest, target: number): number {
  const { upgrade } = request
  const end = upgrade === null ? length : upgrade.start + upgrade.length
  const levels = (request.block ?? request.hash)?.nodes ?? 0
  let top = target
  if (top >= 2 * MAX_LENGTH || endOf(top) > end) throw impossible(`Node ${top} is beyond the log`)
  for (let i = 0; i < levels; i++) {
    top = (top + siblingOf(top)) / 2
    if (endOf(top) > end)
      throw impossible(`${levels} levels above node ${target} is beyond the log`)
  }
  return top
}

function pathTo(
  request: ProofRequest,
  target: number,
  top: number,
  soughtNode: number | null
): number[] {
  const path: number[] = request.block === null ? [target] : []
  let at = target
  while (at !== top) {
    const sibling = siblingOf(at)
    if (soughtNode === null || !containsNode(sibling, soughtNode)) path.push(sibling)
    at = (at + sibling) / 2
  }
  return path
}

/** The seek list that stands for one sibling of the path; null if the path shows the sought node as it is. */
function seekBeside(target: number, top: number, soughtNode: number): number[] | null {
  let at = target
  while (at !== top) {
    const sibling = siblingOf(at)
    if (containsNode(sibling, soughtNode)) {
      return sibling === soughtNode ? null : [soughtNode, ...siblings(soughtNode, sibling)]
    }
    at = (at + sibling) / 2
  }
  return null
}

function siblings(from: number, top: number): number[] {
  const nodes: number[] = []
  let at = from
  while (at !== top) {
    const sibling = siblingOf(at)
    nodes.push(sibling)
    at = (at + sibling) / 2
  }
  return nodes
}

/** Takes the first node that contains the other out of the list; -1 if there is none. */
function takeContaining(nodes: number[], inner: number): number {
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!
    if (containsNode(node, inner)) {
      nodes.splice(i, 1)
      return node
    }
  }
  return -1
}

function checkUpgrade(length: number, request: ProofRequest): void {
  const { upgrade } = request
  if (upgrade === null) return
  if (upgrade.length <= 0 || upgrade.start + upgrade.length > length) {
    throw impossible(
      `An upgrade from ${upgrade.start} by ${upgrade.length} of a log of ${length} blocks`
    )
  }
}

function checkedUpgrade(length: number, request: ProofRequest): UpgradeLists | null {
  checkUpgrade(length, request)
  const { upgrade } = request
  if (upgrade === null) return null
  const end = upgrade.start + upgrade.length
  return {
    nodes: upgradeNodes(upgrade.start, end),
    additional: end < length ? upgradeNodes(end, length) : []
  }
}

function sliceOf(nodes: readonly Node[], start: number, end: number): readonly Node[] {
  if (start === end) return none
  return start === 0 && end === nodes.length ? nodes : nodes.slice(start, end)
}

function impossible(what: string): ProofError {
  return new ProofError('BAD_MESSAGE', `The request cannot be answered: ${what}`)
}
