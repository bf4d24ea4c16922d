// The shop's clock, as its answers tell it. The browser's own may be wrong by any amount: only how
// long ago something was said is taken from it.
const SAMPLES = 8;
let samples = [];

/** An answer said that it was this moment. The fastest of the last answers is believed. */
export function heard(iso) {
	const at = Date.parse(iso);
	if (Number.isFinite(at)) samples = [at - performance.now(), ...samples].slice(0, SAMPLES);
}

/** What was measured before the machine slept is not true any more. */
export const forget = () => { samples = samples.slice(0, 1); };

export const now = () => performance.now() + (samples.length ? Math.max(...samples) : Date.now() - performance.now());

const format = options => iso => new Date(iso).toLocaleTimeString('en-GB', options);
export const hourMinute = format({ hour: '2-digit', minute: '2-digit' });
export const toSeconds = format({});

const DAY = 86_400_000;

/** "at 16:00", and on which day if that is not today. */
export function atHour(iso) {
	const day = t => new Date(t).toDateString();
	const date = new Date(iso).toLocaleDateString('en-GB', { day: 'numeric', month: 'long' });
	return `at ${hourMinute(iso)}${day(iso) === day(now()) ? '' : day(iso) === day(now() + DAY) ? ' tomorrow' : ` on ${date}`}`;
}

const pad = n => String(n).padStart(2, '0');
export const secondsTo = at => Math.max(0, Math.ceil((at - now()) / 1000));

/** How long until then: 4:12, 1:04:12. */
export function left(at) {
	const s = secondsTo(at), h = s / 3600 | 0, m = s / 60 % 60 | 0;
	return `${h ? `${h}:${pad(m)}` : m}:${pad(s % 60)}`;
}

/** The same in words, to be spoken and read. */
export const inWords = s => s >= 120 ? `${Math.round(s / 60)} minutes` : s === 60 ? '1 minute' : s === 1 ? '1 second' : `${s} seconds`;
