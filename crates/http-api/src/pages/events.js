// Server-sent events, taken apart by hand: so it can be said how long one that is silent is waited for, and
// what an answer that is none was.
const EVENT_MAX = 65_536;

export const pause = (ms, signal) => new Promise(done => {
	const end = () => { clearTimeout(timer); signal.removeEventListener('abort', end); done(); }, timer = setTimeout(end, ms);
	signal.addEventListener('abort', end);
});

/** Others come back at the same moment: each waits for another while. */
export const chance = (from, to) => from + Math.random() * (to - from);

/** Takes a stream apart. One line or one event that has no end is an error. */
export function parser(event, retry) {
	let rest = '', kind = '', data = '', id = null;
	return text => {
		const lines = (rest + text).split(/\r?\n/);
		rest = lines.pop();
		if (rest.length + data.length > EVENT_MAX) throw new Error('no end');
		for (const line of lines) {
			const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
			if (line === '') { if (data) event(kind, data, id); kind = data = ''; }
			else if (name === 'event') kind = value;
			else if (name === 'data') data += value;
			else if (name === 'id') id = /^[\w-]{1,64}$/.test(value) ? value : null;
			else if (name === 'retry') retry(Number(value) || 0);
		}
	};
}
