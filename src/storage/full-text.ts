/** The fields that match_all searches where the stream has them. */
export const FULL_TEXT_COLUMNS = ['log', 'message', 'msg', 'content', 'data', 'body', 'json', 'error'];
