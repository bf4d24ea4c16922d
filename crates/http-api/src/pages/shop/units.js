// The units of this browser, by their codes: each kept in its storage under a key of its own, so that tabs do not
// undo what others write. Anybody with the keyboard may write there, so a unit is held to what the service says of
// its code.
import { codeNow, receipt } from './api.js';
import { isImage, isTime, priceOf } from './sale.js';
import { S } from './state.js';

const KEY = 'flashsale.unit.', OVER_MAX = 100, OVER_MS = 86_400_000, CHECKED_MAX = 50, CHECKED_AT_ONCE = 4;
const CODE = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** What a unit may be. It never goes back: an older answer that comes late changes nothing. */
const RANK = { held: 0, bought: 1, expired: 2, returned: 2, cancelled: 2 };
const OF = { held: 'held', sold: 'bought', expired: 'expired', released: 'returned', cancelled: 'cancelled' };
const isText = t => typeof t === 'string' && t.length > 0 && t.length <= 500;
export const isOver = u => RANK[u.is] === 2;
/** Of no product: it has no price. */
export const isGenerated = u => u.price === '';
/** Where one of a product has a generated picture, without the name that is in that. */
export const pictureOf = u => isGenerated(u) ? u.image : u.image.replace(/^.items.*/, '$&#svgView(viewBox(45,24,310,388))');

/** What could not be written, by the codes: this tab alone knows it. */
const unwritten = new Map();
export const isKept = () => !unwritten.size;

function checked(u) {
	const isRight = u && CODE.test(u.code) && Number.isSafeInteger(u.sale) && u.sale > 0 && Number.isSafeInteger(u.unit) && u.unit > 0
		&& isText(u.user) && isText(u.name) && isImage(u.image) && isTime(u.expires_at) && Object.hasOwn(RANK, u.is) && (u.at === null || isTime(u.at));
	if (!isRight) return null;
	const { code, sale, user, unit, name, image, expires_at, is, at } = u;
	return { code, sale, user, unit, name, image, expires_at, is, at, hold_ms: u.hold_ms > 0 ? Number(u.hold_ms) : 300_000, price: isText(u.price) || u.price === '' ? u.price : null, why: isText(u.why) ? u.why : null };
}

function read(key) {
	try { const u = checked(JSON.parse(localStorage.getItem(key))); return u && key === KEY + u.code ? u : null; } catch { return null; }
}

/** All that is kept, whoever's it is. What is no unit is passed over. */
function all() {
	let keys = [];
	try { keys = Object.keys(localStorage).filter(key => key.startsWith(KEY)); } catch { /* then this tab alone knows */ }
	const units = new Map(keys.map(read).filter(Boolean).map(u => [u.code, u]));
	for (const [code, u] of unwritten) if (!(RANK[units.get(code)?.is] > RANK[u.is])) units.set(code, u);
	return units;
}

/** What the page shows, newest first: where people sign in, the units of whoever has. */
export const load = () => [...all().values()].filter(u => !S.wantsToken || u.user === S.user).sort((a, b) => Date.parse(b.expires_at) - Date.parse(a.expires_at));

/** The sale of a unit that is kept. */
export const someSale = () => all().values().next().value?.sale;

const write = u => { try { localStorage.setItem(KEY + u.code, JSON.stringify(u)); return true; } catch { return false; } };
const erase = u => { unwritten.delete(u.code); try { localStorage.removeItem(KEY + u.code); } catch { /* there is nothing */ } };

/** Keeps a unit, unless it is known to be further. Of what is over little is kept, and all else for ever. */
function put(u) {
	const units = all(), over = [...units.values()].filter(isOver).sort((a, b) => Date.parse(b.at ?? b.expires_at) - Date.parse(a.at ?? a.expires_at));
	over.filter((it, i) => i >= OVER_MAX || Date.now() - Date.parse(it.at ?? it.expires_at) > OVER_MS).forEach(erase);
	if (RANK[units.get(u.code)?.is] > RANK[u.is]) return;
	const flush = () => { for (const it of unwritten.values()) if (write(it)) unwritten.delete(it.code); };
	unwritten.set(u.code, u);
	flush();
	if (unwritten.size) { over.forEach(erase); flush(); }
}

/** Other tabs changed what is kept. */
export const onChange = tell => addEventListener('storage', e => { if (e.key === null || e.key.startsWith(KEY)) tell(); });

/** The unit that was granted, `hold_ms` long and at a price; or null if the answer has none. */
export function granted({ code, sale_id: sale, user_id: user, unit, item, expires_at }, hold_ms, price) {
	const u = checked({ code, sale, user, unit, name: item?.name, image: item?.image, expires_at, is: 'held', at: null, hold_ms, price });
	if (u) put(u);
	return u;
}

/** What became of a unit, and when; and what it was called then, if that can be read. */
export function became(code, is, at, item) {
	const known = all().get(code);
	if (!known) return;
	const u = { ...known, is, at: isTime(at) ? at : null };
	put(item && checked({ ...u, name: item.name, image: item.image }) || u);
}

/** Asks the service what a code is, and keeps that. Returns whether it said. */
export async function check(code) {
	const { kind, name, body } = await codeNow(code), known = all().get(code);
	// What was bought stays: the code is the proof.
	if (name === 'code-not-found') { if (known?.is === 'held') erase(known); return true; }
	if (kind !== 'ok' || body.code !== code || !OF[body.state]) return false;
	const is = OF[body.state], paper = is !== known?.is && /^(bought|cancelled)$/.test(is) ? await receipt(code) : null;
	const { purchased_at, cancelled_at, reason, item, product } = paper?.kind === 'ok' ? paper.body : {};
	const at = (is === 'bought' ? purchased_at : cancelled_at) ?? (is === known?.is ? known.at : body.resolved_at) ?? null;
	const price = known?.price ?? (product ? priceOf(product.price) : null), from = item ?? body.item;
	const u = checked({ ...known, code, sale: body.sale_id, user: body.user_id, unit: body.unit, name: from?.name, image: from?.image, expires_at: body.expires_at, is, at, price, why: reason ?? known?.why });
	if (u) put(u);
	return !!u;
}

/** A few at a time: a crowd reloads at the same moment. */
export async function checkEach(codes) {
	const next = codes.values();
	await Promise.all(Array.from({ length: CHECKED_AT_ONCE }, async () => { for (const code of next) await check(code); }));
}

/** Holds first: their time runs. */
export const checkAll = () => checkEach(load().filter(u => !isOver(u)).sort((a, b) => RANK[a.is] - RANK[b.is]).slice(0, CHECKED_MAX).map(u => u.code));
