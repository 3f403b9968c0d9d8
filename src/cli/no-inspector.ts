/**
 * Imported before anything else by `src/cli/main.ts`. By itself Node answers SIGUSR1 with a debugger's port, by which
 * whoever may connect to loopback reads all memory. A listener takes the signal away from it.
 */
process.on('SIGUSR1', () => {});
