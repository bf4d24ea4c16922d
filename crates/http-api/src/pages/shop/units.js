// The units of this browser, by their codes: kept in its storage, where anybody with the keyboard may
// write, and held to what the service says of each code.
import { codeNow, receipt } from './api.js';
import { isImage, isTime } from './sale.js';

const KEY = 'flashsale.units', UNITS_MAX = 200, GONE_MS = 86_400_000;
const IS = ['held', 'bought', 'expired', 'returned', 'cancelled'];
const CODE = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const isText = t => typeof t === 'string' && t.length > 0 && t.length <= 300;

let inMemory = [];

/** What is kept, newest first. What is no unit is passed over. */
export function load() {
	let kept = null;
	try { kept = JSON.parse(localStorage.getItem(KEY)); } catch { return inMemory; }
	inMemory = (Array.isArray(kept) ? kept : []).map(checked).filter((it, i, all) => it && all.findIndex(x => x?.code === it.code) === i).slice(0, UNITS_MAX);
	return inMemory;
}

function checked(u) {
	const isRight = u && CODE.test(u.code) && Number.isSafeInteger(u.sale) && u.sale > 0 && Number.isSafeInteger(u.unit) && u.unit > 0
		&& isText(u.user) && isText(u.name) && isImage(u.image) && isTime(u.expires_at) && IS.includes(u.is) && (u.at === null || isTime(u.at));
	if (!isRight) return null;
	const { code, sale, user, unit, name, image, expires_at, is, at } = u;
	return { code, sale, user, unit, name, image, expires_at, is, at, hold_ms: u.hold_ms > 0 ? Number(u.hold_ms) : 300_000 };
}

/** Changes what is kept, as another tab may have left it meanwhile. */
function change(how) {
	const gone = u => u.is !== 'held' && u.is !== 'bought' && Date.now() - Date.parse(u.at ?? u.expires_at) > GONE_MS;
	inMemory = how(load().map(u => ({ ...u }))).filter(u => !gone(u)).slice(0, UNITS_MAX);
	try { localStorage.setItem(KEY, JSON.stringify(inMemory)); } catch { /* then this tab alone knows */ }
	return inMemory;
}

/** Other tabs changed what is kept. */
export const onChange = tell => addEventListener('storage', e => { if (e.key === KEY || e.key === null) tell(); });

/** A unit was granted, `hold_ms` long. */
export const granted = (grant, hold_ms) => change(units => {
	const { code, sale_id: sale, user_id: user, unit, item: { name, image }, expires_at } = grant;
	const known = units.find(u => u.code === code);
	return known ? units : [{ code, sale, user, unit, name, image, expires_at, is: 'held', at: null, hold_ms }, ...units];
});

/** What became of a unit, and when. */
export const became = (code, is, at = null, more = {}) => change(units => units.map(u => u.code === code ? { ...u, is, at, ...more } : u));
export const dropped = code => change(units => units.filter(u => u.code !== code));

const OF = { held: 'held', sold: 'bought', expired: 'expired', released: 'returned', cancelled: 'cancelled' };

/** Asks the service what a code is, and keeps that. Returns whether it said. */
export async function check(code) {
	const { kind, name, body } = await codeNow(code);
	if (name === 'code-not-found') return dropped(code), true;
	if (kind !== 'ok' || !OF[body.state]) return false;
	let at = body.resolved_at ?? null, { item } = body;
	if (body.state === 'sold') {
		const paper = await receipt(code);
		if (paper.kind === 'ok') ({ purchased_at: at, item } = paper.body);
	}
	change(units => {
		const u = checked({ code, sale: body.sale_id, user: body.user_id, unit: body.unit, name: item?.name, image: item?.image, expires_at: body.expires_at, is: OF[body.state], at, hold_ms: units.find(it => it.code === code)?.hold_ms });
		return !u ? units : units.some(it => it.code === code) ? units.map(it => it.code === code ? u : it) : [u, ...units];
	});
	return true;
}

/** A few at a time: a crowd reloads at the same moment. */
export async function checkAll() {
	for (const u of load().filter(it => it.is === 'held' || it.is === 'bought').slice(0, 50)) await check(u.code);
}
