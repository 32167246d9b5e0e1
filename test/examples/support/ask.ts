// A request to a service, and what it answers.

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // Each test knows what it asked for. What is no JSON is its `text`.
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } }
}

export interface Asked {
  /** Default: POST with a body, GET without. */
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export async function ask({ url }: { readonly url: string }, path: string, asked: Asked = {}): Promise<Answer> {
  const { body, method = body === undefined ? 'GET' : 'POST', headers = {} } = asked
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: readBody(await response.text()) }
}

function readBody(text: string): Answer['body'] {
  if (text === '') return {}
  return (text.startsWith('{') ? JSON.parse(text) : { text }) as Answer['body']
}
