// @ts-check
// What is said under a stream: the newest first, older ones on demand, one's own by a form. Whoever moderates hides and shows.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
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
  const failed = h('p', { class: 'say-error', role: 'alert' })
  /** @type {Moderation} */
  const moderation = { status: 'VISIBLE', isAllowed: false }
  const list = createList({ streamId, own: person?.user_id, moderation, onToggle: (comment) => void toggle(comment) })
  const refresh = createSoon(list.refresh)
  /** @param {Comment} comment */
  const toggle = async ({ comment_id }) => {
    const isHidden = moderation.status === 'HIDDEN'
    try {
      await write('POST', pathOf`/comments/${comment_id}/${isHidden ? 'show' : 'hide'}`, isHidden ? undefined : {})
      fill(failed)
      list.remove(comment_id)
      say(isHidden ? 'The comment is shown again' : 'The comment is hidden')
    } catch (error) {
      fill(failed, error instanceof Error ? error.message : String(error))
    }
  }
  const choice = createSegments({
    label: 'Which comments',
    choices: [
      ['VISIBLE', 'Visible'],
      ['HIDDEN', 'Hidden'],
    ],
    onChoose: list.show,
  })
  choice.hidden = true
  return {
    element: createCard(
      { title: 'Comments', aside: choice, look: 'span-7' },
      person === undefined
        ? h('p', { class: 'quiet' }, 'Whoever is signed in can write here.')
        : createForm({ streamId, refresh, say }),
      failed,
      list.host,
    ),
    refresh,
    close: list.close,
    /** The sponsor of the stream, and operators. */
    allowModeration: () => {
      if (moderation.isAllowed) return
      moderation.isAllowed = true
      choice.hidden = false
      for (const button of list.host.querySelectorAll('.comment-moderate')) button.removeAttribute('hidden')
    },
    /** @param {import('/kit/live/index.js').LiveChange} change */
    onChange: ({ kind, key, row }) => {
      const id = key?.['comment_id']
      if (kind === 'update' && row !== undefined && row['status'] !== moderation.status && typeof id === 'string')
        list.remove(id)
      else refresh()
    },
  }
}

/** @typedef {{ status: string, isAllowed: boolean }} Moderation Which comments are shown, and whether that may be changed. */

/** @param {{ streamId: string, own: string | undefined, moderation: Moderation, onToggle: (comment: Comment) => void }} options */
function createList({ streamId, own, moderation, onToggle }) {
  const empty = { ...empties.VISIBLE }
  const host = h('div', { id: 'comments' })
  const list = createPagedList(host, {
    name: 'comments',
    path: () => pathOf`/streams/${streamId}/comments?limit=10&status=${moderation.status}`,
    keyOf: (/** @type {Comment} */ { comment_id }) => comment_id,
    row: (comment) => createRow(comment, { isOwn: comment.user_id === own, moderation, onToggle }),
    label: 'Comments',
    empty,
    more: 'Show older comments',
    className: 'comments',
    rows: 4,
  })
  return {
    host,
    refresh: list.refresh,
    close: list.close,
    /** @param {string} id */
    remove: (id) => list.change((items) => items.filter(({ comment_id }) => comment_id !== id)),
    /** @param {string} status */
    show: (status) => {
      moderation.status = status
      Object.assign(empty, status === 'HIDDEN' ? empties.HIDDEN : empties.VISIBLE)
      void list.begin()
    },
  }
}

/** @param {Comment} comment @param {{ isOwn: boolean, moderation: Moderation, onToggle: (comment: Comment) => void }} options */
function createRow(comment, { isOwn, moderation, onToggle }) {
  const { display_name, content, created_at, reason } = comment
  const isHidden = moderation.status === 'HIDDEN'
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
          hidden: !moderation.isAllowed,
          'aria-label': `${isHidden ? 'Show' : 'Hide'} the comment of ${display_name}`,
          on: { click: () => onToggle(comment) },
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
