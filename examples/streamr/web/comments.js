// @ts-check
// What is said under a stream: the newest first, older ones on demand, one's own by a form. Whoever moderates hides and shows.

import { fill, h } from '/kit/dom.js'
import { createAgo } from '/kit/ago.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, write } from '/kit/reading.js'
import { createSegments } from '/kit/segments.js'
import { createSoon } from '/kit/soon.js'

/**
 * @typedef {object} Comment
 * @property {string} comment_id
 * @property {string} user_id
 * @property {string} display_name
 * @property {string} content
 * @property {string} created_at
 * @property {string | null} [reason]
 */

const longest = 2_000
const empties = {
  VISIBLE: { title: 'No comments', hint: 'What somebody writes appears here at once, for everybody.' },
  HIDDEN: { title: 'Nothing is hidden', hint: 'What is hidden from others stands here, and can be shown again.' },
}

/**
 * @param {{ streamId: string, person: import('./session.js').Person | undefined, say: (text: string) => void }} options
 */
export function createComments({ streamId, person, say }) {
  let status = 'VISIBLE'
  let mayModerate = false
  const empty = { ...empties.VISIBLE }
  const host = h('div', { id: 'comments' })
  const head = h('header', { class: 'card-head' }, h('h2', null, 'Comments'))
  const failed = h('p', { class: 'say-error', role: 'alert' })
  /** @param {Comment} comment */
  const moderate = async ({ comment_id }) => {
    const isHidden = status === 'HIDDEN'
    try {
      await write('POST', pathOf`/comments/${comment_id}/${isHidden ? 'show' : 'hide'}`, isHidden ? undefined : {})
      failed.textContent = ''
      remove(comment_id)
      say(isHidden ? 'The comment is shown again' : 'The comment is hidden')
    } catch (error) {
      failed.textContent = error instanceof Error ? error.message : String(error)
    }
  }
  const list = createPagedList(host, {
    name: 'comments',
    path: () => pathOf`/streams/${streamId}/comments?limit=10&status=${status}`,
    keyOf: (/** @type {Comment} */ { comment_id }) => comment_id,
    row: (comment) =>
      createRow(comment, {
        isOwn: comment.user_id === person?.user_id,
        moderate,
        may: () => mayModerate,
        status: () => status,
      }),
    label: 'Comments',
    empty,
    more: 'Show older comments',
    className: 'comments',
    rows: 4,
  })
  /** @param {string} id */
  const remove = (id) => list.change((items) => items.filter(({ comment_id }) => comment_id !== id))
  const refresh = createSoon(list.refresh)
  return {
    element: h(
      'section',
      { class: 'card span-7' },
      head,
      person === undefined
        ? h('p', { class: 'quiet' }, 'Whoever is signed in can write here.')
        : createForm({ streamId, refresh, say }),
      failed,
      host,
    ),
    refresh,
    close: list.close,
    /** The sponsor of the stream, and operators. */
    allowModeration: () => {
      if (mayModerate) return
      mayModerate = true
      head.append(
        createSegments({
          label: 'Which comments',
          choices: [
            ['VISIBLE', 'Visible'],
            ['HIDDEN', 'Hidden'],
          ],
          onChoose: (chosen) => {
            status = chosen
            Object.assign(empty, chosen === 'HIDDEN' ? empties.HIDDEN : empties.VISIBLE)
            void list.begin()
          },
        }),
      )
      for (const button of host.querySelectorAll('.comment-moderate')) button.removeAttribute('hidden')
    },
    /** @param {import('/kit/live/index.js').LiveChange} change */
    onChange: ({ kind, key, row }) => {
      const id = key?.['comment_id']
      if (kind === 'update' && row !== undefined && row['status'] !== status && typeof id === 'string') remove(id)
      else refresh()
    },
  }
}

/**
 * @param {Comment} comment
 * @param {{
 *   isOwn: boolean, moderate: (comment: Comment) => Promise<void>, may: () => boolean, status: () => string,
 * }} options
 */
function createRow(comment, { isOwn, moderate, may, status }) {
  const { display_name, content, created_at, reason } = comment
  const isHidden = status() === 'HIDDEN'
  const initials = display_name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.slice(0, 1))
    .join('')
  return {
    element: h(
      'li',
      { class: 'comment' },
      h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials),
      h(
        'div',
        { class: 'row-main' },
        h(
          'p',
          null,
          h('b', null, isOwn ? 'You' : display_name),
          ' ',
          h('span', { class: 'row-note' }, createAgo(created_at)),
        ),
        h('p', { class: 'comment-text' }, content),
        isHidden && typeof reason === 'string' && h('p', { class: 'row-note' }, `Hidden: ${reason}`),
      ),
      h(
        'button',
        {
          class: 'button button-small comment-moderate',
          type: 'button',
          hidden: !may(),
          'aria-label': `${isHidden ? 'Show' : 'Hide'} the comment of ${display_name}`,
          on: { click: () => void moderate(comment) },
        },
        isHidden ? 'Show' : 'Hide',
      ),
    ),
  }
}

/** @param {{ streamId: string, refresh: () => void, say: (text: string) => void }} options */
function createForm({ streamId, refresh, say }) {
  const text = h('textarea', {
    class: 'input',
    name: 'content',
    maxlength: longest,
    rows: 2,
    placeholder: 'Write something',
    'aria-label': 'Your comment',
  })
  const failed = h('span', { class: 'say-error', role: 'alert' })
  const send = h('button', { class: 'button button-main', type: 'submit' }, 'Post')
  const submit = async () => {
    const content = text.value.trim()
    if (content === '') {
      fill(failed, 'Write something first.')
      return text.focus()
    }
    send.disabled = true
    fill(failed)
    try {
      await write('POST', pathOf`/streams/${streamId}/comments`, { content })
      text.value = ''
      refresh()
      say('Your comment is there')
    } catch (error) {
      fill(failed, error instanceof Error ? error.message : String(error))
    } finally {
      send.disabled = false
    }
  }
  return h(
    'form',
    {
      class: 'say',
      on: {
        submit: (/** @type {Event} */ event) => {
          event.preventDefault()
          void submit()
        },
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit()
        },
      },
    },
    text,
    h('div', { class: 'say-foot' }, failed, send),
  )
}
