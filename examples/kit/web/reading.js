// @ts-check
// What the service says, read no older than the newest event that was heard of; and that it no longer knows who asks, told in one place.

import { ApiError, fetchJson } from './fetch-json.js'

let newest = ''
/** @type {() => boolean} */
let signedOut = () => false

/** For pages where people sign in. @param {() => boolean} listener Whether it took care of it: then nothing more is to be said. */
export function onSignedOut(listener) {
  signedOut = listener
}

/** Of an error that is about to be shown: whether the page takes care of it. @param {unknown} error */
export function isTakenCareOf(error) {
  return error instanceof ApiError && error.status === 401 && signedOut()
}

/** An event came: what is read from now on shows at least that, whichever database answers. @param {string} id */
export function heard(id) {
  newest = id
}

/** @param {string} path @param {AbortSignal} [signal] */
export async function read(path, signal) {
  return await fetchJson(path, {
    ...(newest === '' ? {} : { headers: { 'x-event-id': newest } }),
    ...(signal === undefined ? {} : { signal }),
  })
}

/** @param {'POST' | 'PUT' | 'PATCH' | 'DELETE'} method @param {string} path @param {unknown} [body] */
export async function write(method, path, body) {
  return await fetchJson(path, { method, ...(body === undefined ? {} : { body }) })
}

/** A path with its parts escaped: pathOf`/streams/${id}/nodes`. @param {TemplateStringsArray} texts @param {...string} values */
export function pathOf(texts, ...values) {
  return texts.map((text, index) => text + encodeURIComponent(values[index] ?? '')).join('')
}
