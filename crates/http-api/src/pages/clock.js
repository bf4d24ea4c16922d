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
/** With its day. */
export const exactly = iso => new Date(iso).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'medium' });

const DAY = 86_400_000;

/** "16:00", and on which day if that is not today. */
export function dayHour(iso) {
	const day = t => new Date(t).toDateString();
	const date = new Date(iso).toLocaleDateString('en-GB', { day: 'numeric', month: 'long' });
	return `${hourMinute(iso)}${day(iso) === day(now()) ? '' : day(iso) === day(now() + DAY) ? ' tomorrow' : ` on ${date}`}`;
}
export const atHour = iso => `at ${dayHour(iso)}`;

const pad = n => String(n).padStart(2, '0');
export const secondsTo = at => Math.max(0, Math.ceil((at - now()) / 1000));

/** How long until then: 4:12, 1:04:12. */
export function left(at) {
	const s = secondsTo(at), h = s / 3600 | 0, m = s / 60 % 60 | 0;
	return `${h ? `${h}:${pad(m)}` : m}:${pad(s % 60)}`;
}

/** The same in words, to be spoken and read. */
export function inWords(s) {
	const plural = (n, unit) => `${n} ${unit}${n === 1 ? '' : 's'}`, m = s / 60 | 0;
	if (s < 120 && s !== 60) return plural(s, 'second');
	return s % 60 ? `${plural(m, 'minute')} ${plural(s % 60, 'second')}` : plural(m, 'minute');
}
