// The control room: puts the parts together, and moves the hands of the clock.
import * as api from './api.js';
import { now, toSeconds } from './clock.js';
import { $, el, say, set } from './dom.js';
import * as door from './door.js';
import { watch } from './feed.js';
import * as lists from './lists.js';
import * as meters from './meters.js';
import * as picture from './picture.js';
import { add, recall } from './points.js';
import { saleIn } from './sale.js';
import { S, down, isOn, mayAct, saleNow, saleOf, shown, tabs } from './room.js';
import { DOWN, storeOf, whenExactly } from './words.js';

const LISTS_MS = 15_000, RECALL_MS = 60_000, KEYS = 'flashsale.keys';
let unwatch = null, listsAt = 0, recalled = null, recalledAt = 0, askedFor = null, stood = '', keysAreOn = true;
try { keysAreOn = localStorage.getItem(KEYS) !== 'off'; } catch { /* then they are */ }

// What is ordered and looked up by. It comes as soon as somebody is in, while they see already how things are.
const LATER = ['ask', 'find', 'again', 'pauseSale', 'resumeSale', 'endSale', 'changeSale', 'schedule', 'releaseHold', 'cancelPurchase', 'putProduct', 'archiveProduct'];
let later = null, dialog = null, drawTrail = null;
const rest = () => later ??= Promise.all([import('./dialog.js'), import('./orders.js'), import('./find.js')]).then(([asking, orders, find]) => {
	asking.start(done, leave); orders.start(told); find.start(act);
	dialog = asking; drawTrail = find.drawTrail;
	render();
	return { ...asking, ...orders, ...find };
});
const missing = () => { later = null; told('A part of this page could not be fetched. Load the page anew.'); };
const act = { show: id => { location.hash = `sale=${id}`; $('title').focus({ preventScroll: true }); scrollTo(0, 0); } };
// An order is looked up before it is asked about: whoever presses again meanwhile has pressed once.
let isComing = false;
const orders = LATER.filter(name => !['ask', 'find', 'again'].includes(name));
for (const name of LATER) act[name] = async (...of) => {
	const isOrder = orders.includes(name);
	if (isOrder && (isComing || $('dialog').open)) return;
	if (isOrder) isComing = true;
	try { return await rest().then(it => it[name](...of), missing); } finally { if (isOrder) isComing = false; }
};

function render() {
	if (S.is !== 'in') return;
	picture.draw(); meters.draw(); lists.draw(act); lists.drawActs(act); drawTrail?.(); bar();
	const sale = shown();
	document.title = sale && isOn(sale) ? `${Math.round(sale.sold / sale.stock * 100)} % sold – Control room` : 'Control room';
}

/** How it is known, and what is wrong: in a word above, and in a sentence if it is much. */
function bar() {
	const { room, link } = S, bad = down(), isLost = link === 'lost' || link === 'full', age = room ? Math.max(1, Math.round((now() - room.at) / 1_000)) : 0;
	$('link').dataset.is = isLost ? 'wait' : bad.length || room?.drift?.value ? 'bad' : link === 'live' ? '' : 'wait';
	set($('linkText'), !room ? isLost ? 'No answer, trying again' : 'Connecting…' : isLost ? `No news for ${age} s` : bad.length ? `${storeOf(bad[0].name)} ${bad[0].state === 'refuses' ? 'takes nothing' : 'down'}` : room.drift?.value ? 'Stores disagree' : 'All well');
	const since = it => it.since ? ` since ${whenExactly(it.since)}` : '', name = it => `the ${storeOf(it.name).toLowerCase()}`;
	const banner = link === 'full' ? 'Too many watch at once, and there is no place for one more. This page goes on asking.'
		: isLost ? room ? `No news since ${toSeconds(room.at)}. The numbers below are from then; the shop itself may be fine.` : 'The service does not answer. This page goes on asking.'
		: bad.length ? `${bad.map(it => it.state === 'refuses' ? `Nothing can be written to ${name(it)}${since(it)}.` : `No answer from ${name(it)}${since(it)}.`).join(' ')} ${DOWN[bad.some(it => it.name === 'ledger') ? 'ledger' : bad[0].name] ?? ''}`
		: S.isOld ? 'The lists below could not be read anew: they may be old.' : '';
	set($('banner'), banner);
	$('main').classList.toggle('off', isLost);
	set($('clock'), room ? `${toSeconds(now())} shop time` : '');
	set($('meText'), `${S.me.name}, ${S.me.role}`);
}

const tell = {
	room(room) {
		S.room = room;
		if (room.role) S.me = { name: room.operator, role: room.role };
		add(room);
		// Another operator may have been at work, or the clock.
		const stands = room.sales.map(s => [s.id, s.state, s.stock, s.ends_at, s.per_user_limit].join()).join(';');
		if (stands !== stood) { if (stood) refresh(); stood = stands; }
		picture.tellState();
		choose();
		render();
	},
	link(is) { if (S.link === is) return; const was = S.link; S.link = is; if (is === 'live' && was !== 'wait') { recalled = null; refresh(); say('News again.'); } render(); },
	again() { recalled = null; refresh(); },
	out() { leave('Your session is over. Sign in again.'); },
};

/** Asks for what changes seldom. */
async function refresh() {
	listsAt = performance.now() + LISTS_MS * (.9 + Math.random() * .2);
	const read = await Promise.all([lists.read('sales'), lists.read('trail'), lists.read('products'), lists.readMarks(shown()).then(() => true)]);
	S.isOld = read.some(it => !it);
	render();
}

/** The sale that is shown, also one that no list has so far. */
async function chosen() {
	const id = S.chosen;
	if (S.is === 'in' && id && id !== askedFor && !saleNow(id)) {
		askedFor = id;
		const answer = await api.sale(id), sale = answer.kind === 'ok' ? saleOf(answer.body) : null;
		if (sale) S.sales = [...S.sales, sale];
		else if (answer.name === 'sale-not-found') told(`There is no sale ${id}.`);
	}
	return shown();
}

/** Asks how the sale that is shown went before, and again when a gap may have been. */
async function choose() {
	const sale = await chosen();
	if (!sale || recalled === sale.id && performance.now() < recalledAt) return;
	const isOther = recalled !== sale.id;
	recalled = sale.id; recalledAt = performance.now() + RECALL_MS;
	if (isOther) S.marks = [];
	await Promise.all([recall(sale, now()), isOther && lists.readMarks(sale)]);
	render();
}

function follow() {
	const id = saleIn(location.hash);
	// A link to a place on this page. Whoever loads it anew shall see the same sale.
	if (id === undefined) return history.replaceState(null, '', S.chosen ? `#sale=${S.chosen}` : location.pathname + location.search);
	S.chosen = id;
	choose();
	render();
}

function enter({ name, role }) {
	S.is = 'in'; S.me = { name, role }; S.link = 'wait';
	const wasOut = !$('door').hidden;
	door.hide();
	for (const it of ['main', 'link', 'me', 'keysButton']) $(it).hidden = false;
	$('clock').parentNode.hidden = false;
	unwatch?.();
	unwatch = watch(tell);
	refresh();
	render();
	if (wasOut) { $('title').focus({ preventScroll: true }); say(`Signed in as ${name}`); }
	rest().then(() => S.is === 'in' && dialog.resume(), missing);
}

function leave(why) {
	if (dialog?.shut()) why = dialog.UNSURE;
	unwatch?.();
	unwatch = null;
	Object.assign(S, { is: 'door', me: null, room: null, sales: [], trail: [], products: [], marks: [], isOld: false });
	recalled = askedFor = null; stood = '';
	for (const it of ['main', 'link', 'me', 'keysButton', 'nav', 'banner', 'told']) $(it).hidden = true;
	$('clock').parentNode.hidden = true;
	lists.clear();
	for (const it of ['title', 'sub', 'stats', 'stackText', 'flowStats', 'speedStats', 'found', 'toldText']) $(it).replaceChildren();
	document.title = 'Control room';
	door.show(why);
}

function told(text) { set($('toldText'), text); $('told').hidden = !text; say(text); }

/** An order was carried out, or may have been. */
function done(text, body) {
	told(text);
	const { action } = body ?? {};
	if (action?.action === 'sale-scheduled' && action.sale_id) act.show(action.sale_id);
	else if (!document.querySelector('dialog[open]')) ($('acts').querySelector('button') ?? $('title')).focus({ preventScroll: true });
	refresh();
	act.again();
}

/** Single keys can be switched off. */
function keys() {
	const rows = [['/', 'Look up a user, a code or a unit'], ['P', 'Pause or resume the sale that is shown'], ['E', 'End the sale that is shown'], ['N', 'Schedule a sale'], ['1–9', 'Show another sale'], ['Arrows', 'In the picture: ten points on or back; Home and End'], ['Esc', 'Leave a dialog as it is']];
	const box = el('input', { type: 'checkbox', checked: keysAreOn, onchange: () => { keysAreOn = box.checked; try { localStorage.setItem(KEYS, keysAreOn ? 'on' : 'off'); } catch { /* for now, then */ } } });
	act.ask({ title: 'Keys', needsWhy: false, parts: [el('dl', { className: 'keys' }, ...rows.flatMap(([key, says]) => [el('dt', {}, el('kbd', { textContent: key })), el('dd', { textContent: says })])), el('label', { className: 'check' }, box, ' Single keys are on')] });
}

function pressed(e) {
	if (S.is !== 'in' || !keysAreOn || e.ctrlKey || e.metaKey || e.altKey || $('dialog').open || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
	const key = e.key.toLowerCase(), sale = shown(), tab = /^[1-9]$/.test(key) && tabs()[Number(key) - 1];
	const isGone = !sale || sale.state === 'ended' || !mayAct();
	const does = { '/': () => { $('sought').focus(); $('sought').select(); }, p: () => isGone || act[sale.state === 'paused' ? 'resumeSale' : 'pauseSale'](sale.id), e: () => isGone || act.endSale(sale.id), n: () => mayAct() && act.schedule(), '?': keys }[key] ?? (tab && (() => act.show(tab.id)));
	if (!does) return;
	e.preventDefault();
	does();
}

function tick() {
	setTimeout(tick, 1_020 - now() % 1_000);
	if (S.is !== 'in') return;
	dialog?.tick();
	if (!document.hidden && performance.now() > listsAt) refresh();
	if (S.link !== 'live') render();
}

/** Says who is signed in. */
async function begin() {
	const answer = await api.me();
	if (answer.kind === 'ok') return enter(answer.body);
	if (answer.status === 401) return leave('');
	if (answer.kind === 'no') return leave(answer.body.detail ?? '');
	set($('banner'), 'The service does not answer. This page goes on asking.');
	setTimeout(begin, 2_000 + Math.random() * 2_000);
}

door.start(enter);
picture.start(act);
meters.start();
for (const kind of ['sales', 'trail', 'products']) $(`${kind}More`).addEventListener('click', async () => { await lists.readMore(kind); render(); });
$('findForm').addEventListener('submit', e => { e.preventDefault(); const it = $('sought').value.trim(); if (it) act.find(it); });
$('toldClose').addEventListener('click', () => { told(''); $('title').focus({ preventScroll: true }); });
$('signOut').addEventListener('click', async () => { const answer = await api.signOut(); if (answer.kind === 'ok') leave('You are signed out.'); else told('The service did not answer: you are still signed in.'); });
$('keysButton').addEventListener('click', keys);
addEventListener('keydown', pressed);
addEventListener('hashchange', follow);
follow();
tick();
begin();
