/** Between two statements of one text. On a line of its own: a statement may end in a comment, which would swallow it. */
export const joint = '\n;\n'
