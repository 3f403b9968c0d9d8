/** What all running queries share in the addon: memory, and disk for what does not fit. */
export { keepFreedMemory, limitQueries, queryUse } from '../native/index.js';
