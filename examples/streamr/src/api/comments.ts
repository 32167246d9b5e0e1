// What is said under a stream, the newest first, and its moderation: by the stream's sponsor, told by the wallet address that the
// stream names, and by operators. A hidden comment is there for those alone, and says who hid it and why.

import { sql, type Kysely } from 'kysely'
import { body, defineCursor, defineFields, forbidden, notFound, params, word, type App } from 'pgstrata-example-kit'
import type { CommentStatus, Database } from '../database.ts'
import { requireUser, requireUserId, type ApiContext, type User } from './context.ts'
import { listQuery, serial, type ListQuery } from './schemas.ts'
import { findStream, pageOf, requireStream } from './streams.ts'

const commentFields = defineFields('comment_id', 'user_id', 'display_name', 'content', 'created_at')
const hiddenFields = defineFields(
  'comment_id',
  'user_id',
  'display_name',
  'content',
  'created_at',
  'moderated_by',
  'moderated_at',
  'reason',
)
const byId = defineCursor({ comment_id: 'integer' })
const ofStream = params({ stream_id: word })
const ofComment = params({ comment_id: serial })
// At least one character that shows; Postgres holds no NUL.
const content = { type: 'string', minLength: 1, maxLength: 2000, pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$' }
const reason = { type: 'string', minLength: 1, maxLength: 500, pattern: '^[^\\u0000]+$' }

interface OfStream {
  readonly Params: { readonly stream_id: string }
}

interface OfComment {
  readonly Params: { readonly comment_id: string }
}

export function addComments(app: App, context: ApiContext): void {
  const { prepared: db } = context
  app.get<OfStream & { Querystring: ListQuery & { readonly status: CommentStatus } }>(
    '/streams/:stream_id/comments',
    {
      schema: {
        params: ofStream,
        querystring: listQuery({ status: { enum: ['VISIBLE', 'HIDDEN'], default: 'VISIBLE' } }),
      },
    },
    async (request, reply) => {
      const { stream_id } = request.params
      const { status } = request.query
      const list = async (pick: (row: Comment) => object) => {
        const { limit, cursor } = request.query
        const found = await listComments(db, { stream_id, status, limit, before: byId.parse(cursor) })
        const { rows, next } = pageOf(found, limit, byId)
        return { comments: rows.map(pick), next }
      }
      if (status === 'HIDDEN') {
        const pick = hiddenFields(request.query.fields)
        const stream = await requireStream(db, stream_id)
        requireModerator(context, await requireUser(context, request), stream)
        return await list(pick)
      }
      return await context.answers.streams({ request, reply }, 'stream', async () => {
        const page = await list(commentFields(request.query.fields))
        if (page.comments.length === 0 && (await findStream(db, stream_id)) === undefined) return undefined
        return page
      })
    },
  )
  app.post<OfStream & { Body: { readonly content: string } }>(
    '/streams/:stream_id/comments',
    { schema: { params: ofStream, body: body({ content }) } },
    async (request, reply) => {
      const by = await requireUserId(context, request)
      const comment = await addComment(db, { ...request.params, by, content: request.body.content })
      if (comment !== undefined) return await reply.code(201).send(comment)
      await requireUser(context, request)
      throw notFound('stream')
    },
  )
  addModeration(app, context)
}

function addModeration(app: App, context: ApiContext): void {
  app.post<OfComment & { Body: { readonly reason?: string } | null }>(
    '/comments/:comment_id/hide',
    {
      schema: {
        params: ofComment,
        body: { ...body({ reason }, { required: [] }), type: ['object', 'null'] },
      },
    },
    async (request) =>
      await moderate(context, request, {
        ...request.params,
        status: 'HIDDEN',
        reason: request.body?.reason ?? null,
      }),
  )
  app.post<OfComment>('/comments/:comment_id/show', { schema: { params: ofComment } }, async (request) =>
    moderate(context, request, { ...request.params, status: 'VISIBLE', reason: null }),
  )
}

interface Moderation {
  readonly comment_id: string
  readonly status: CommentStatus
  readonly reason: string | null
}

async function moderate(
  context: ApiContext,
  request: Parameters<typeof requireUser>[1],
  { comment_id, status, reason }: Moderation,
): Promise<object> {
  const user = await requireUser(context, request)
  const comment = await context.db
    .selectFrom('comments as c')
    .innerJoin('streams as s', 's.stream_id', 'c.stream_id')
    .select('s.sponsor_address')
    .where('c.comment_id', '=', comment_id)
    .executeTakeFirst()
  if (comment === undefined) throw notFound('comment')
  requireModerator(context, user, comment)
  await context.db
    .updateTable('comments')
    .set({ status, reason, moderated_by: user.user_id, moderated_at: new Date() })
    .where('comment_id', '=', comment_id)
    .where('status', '!=', status)
    .execute()
  return { comment_id, status }
}

function requireModerator(
  { operators }: ApiContext,
  { wallet_address }: User,
  stream: { readonly sponsor_address: string },
): void {
  if (wallet_address === stream.sponsor_address || operators.has(wallet_address)) return
  throw forbidden(
    'Comments are moderated by the sponsor of the stream and by operators, told by their wallet addresses',
  )
}

/** One statement, which finds the stream and the user as well; undefined: one of them is not there. */
async function addComment(
  db: Kysely<Database>,
  asked: { readonly stream_id: string; readonly by: string; readonly content: string },
) {
  const { rows } = await sql<Omit<Comment, 'moderated_by' | 'moderated_at' | 'reason'>>`
    with added as (
      insert into comments (stream_id, user_id, content)
      select s.stream_id, u.user_id, ${asked.content}
      from streams s
      cross join users u
      where s.stream_id = ${asked.stream_id}
        and u.user_id = ${asked.by}
      returning comment_id, content, created_at, stream_id, user_id
    )
    select a.*, u.display_name
    from added a
    join users u on u.user_id = a.user_id`.execute(db)
  return rows[0]
}

type Comment = Awaited<ReturnType<typeof listComments>>[number]

async function listComments(
  db: Kysely<Database>,
  {
    stream_id,
    status,
    before,
    limit,
  }: {
    readonly stream_id: string
    readonly status: CommentStatus
    readonly before: { readonly comment_id: string } | undefined
    readonly limit: number
  },
) {
  const asked = db
    .selectFrom('comments as c')
    .innerJoin('users as u', 'u.user_id', 'c.user_id')
    .select(['c.comment_id', 'c.user_id', 'u.display_name', 'c.content', 'c.created_at'])
    .select(['c.moderated_by', 'c.moderated_at', 'c.reason'])
    .where('c.stream_id', '=', stream_id)
    .where('c.status', '=', status)
    .orderBy('c.comment_id', 'desc')
    .limit(limit + 1)
  return await (before === undefined ? asked : asked.where('c.comment_id', '<', before.comment_id)).execute()
}
