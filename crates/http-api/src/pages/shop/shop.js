// The shop window: puts the parts together, and moves the hands of the clock.
import * as actions from './actions.js';
import { secondsTo, inWords, now, toSeconds } from './clock.js';
import { $, say, set } from './dom.js';
import { chance } from './events.js';
import { watch } from './feed.js';
import * as due from './holds.js';
import * as panel from './panel.js';
import { sale as lookAt } from './api.js';
import { saleIn, saleOf } from './sale.js';
import * as shelf from './shelf.js';
import { S, nextHold, picked, view } from './state.js';
import * as units from './units.js';
import * as wall from './wall.js';
import * as who from './who.js';

const AROUND_MS = [48_000, 72_000], RAREST_MS = 300_000, LAST_LOOK_MS = [5_000, 10_000], RECOUNT_MS = [25_000, 35_000], OPENS_S = [300, 60, 10], TOLD_MS = 60_000;
/** All pages are told of a change at the same moment: what each wants to know then, it asks within this time. */
const SPREAD_MS = 10_000;
/** No answer is older, unless the clock of the shop was set back. */
const LATE_MS = 30_000;
let unwatch = null;

const act = { ...actions, look, current: () => choose(null) };

let told = null, toldAt = 0;

function render() {
	if (S.message !== told) { told = S.message; toldAt = performance.now(); }
	else if (told && (told[2] && told[2] !== view() || told[0] === 'good' && performance.now() > toldAt + TOLD_MS)) told = S.message = null;
	panel.draw(act); wall.draw(act); shelf.draw(act); shelf.drawSales(choose);
	const words = { live: 'Live', wait: 'Coming back…', off: navigator.onLine ? 'No answer' : 'Offline' }[S.link];
	$('link').dataset.is = S.link;
	set($('linkText'), S.link !== 'wait' ? words : S.sale === undefined ? 'Connecting…' : !S.sale || S.sale.state === 'ended' ? 'Waiting' : words);
	const since = S.sale ? ` You see how things stood at ${toSeconds(S.sale.server_time)}.` : '';
	set($('banner'), S.link === 'off' ? `${navigator.onLine ? 'The shop does not answer.' : 'You are offline.'}${since} Holds run on meanwhile; their codes are ${units.isKept() ? 'safe in this browser' : 'in this tab alone'}.` : '');
}

/** Asks something now and then: once at a time, and less often where that fails. `what` returns false then. */
function nowAndThen(what) {
	let at = Infinity, isBusy = false, failures = 0;
	const rarer = ms => Math.min(RAREST_MS, ms * 2 ** failures);
	return {
		/** Has it asked within so much time. */
		soon(ms) { at = Math.min(at, performance.now() + chance(0, rarer(ms))); },
		/** Has it asked after a while, unless that is planned already. */
		later([from, to]) { if (at === Infinity && !isBusy) at = performance.now() + rarer(chance(from, to)); },
		async tick() {
			if (isBusy || performance.now() < at) return;
			isBusy = true; at = Infinity;
			failures = await what() === false ? failures + 1 : 0;
			isBusy = false;
		},
	};
}

const around = nowAndThen(() => shelf.lookAround().then(isRead => { render(); return isRead; }));
const recount = nowAndThen(who.recount);
const lastLook = nowAndThen(lookNow);

/** What the stream tells. */
const tell = {
	sale(sale) {
		const was = S.sale, age = sale && was?.id === sale.id ? Date.parse(was.server_time) - Date.parse(sale.server_time) : 0;
		if (age > 0 && age < LATE_MS) return;
		const isFirst = was === undefined, isOther = isFirst || was?.id !== sale?.id, isNew = isOther || was?.state !== sale?.state, ms = isFirst ? 0 : SPREAD_MS;
		S.sale = sale;
		if (!S.chosen) S.current = sale?.id ?? null;
		if (sale?.available || isOther) S.retry_at = null;
		if (isOther) recount.soon(ms);
		if (isNew) around.soon(ms);
		if (isFirst) { recount.tick(); around.tick(); }
		if (isOther || sale?.sold === sale?.stock && was?.sold !== sale?.sold) setTimeout(wall.hang, chance(0, ms));
		// What was said of a unit that came back is over when the sale is.
		const isOver = it => it?.state === 'ended' || it?.sold === it?.stock;
		if (sale && isOver(sale) && !isOver(was)) S.message = null;
		render();
	},
	link(is) {
		if (S.link === is) return;
		S.link = is;
		render();
	},
};

function choose(id) {
	location.hash = id && id !== S.current ? `sale=${id}` : '';
	$('panel').focus({ preventScroll: true });
}

/** Watches what the address names, or whichever sale is on. */
function follow() {
	const named = saleIn(location.hash), id = named === undefined ? S.chosen : named;
	// A link to a place on this page. Whoever loads it anew shall see the same sale.
	if (named === undefined) history.replaceState(null, '', id ? `#sale=${id}` : location.pathname + location.search);
	if (unwatch && id === S.chosen) return;
	unwatch?.();
	S.chosen = id; S.picked = null; S.message = null;
	unwatch = watch(id, tell);
}

/** Looks how the sale that is shown stands; an answer that comes when another is chosen is none. */
async function lookNow() {
	const { chosen, sale: { id } } = S, answer = await lookAt(id), sale = answer.kind === 'ok' ? saleOf(answer.body) : null;
	if (S.chosen !== chosen || S.sale?.id !== id) return;
	if (sale) tell.sale(sale);
	return sale ?? false;
}

async function look() {
	const sale = await lookNow();
	if (sale === undefined) return;
	if (sale.available) say('There is one.');
	else S.message = ['', sale ? `Still none free, at ${toSeconds(sale.server_time)} by the shop’s clock.` : 'The shop did not answer. This page goes on asking.', view()];
	render();
}

function reload() {
	S.units = units.load();
	if (!picked() || units.isOver(picked())) S.picked = nextHold();
	render();
}

let opensIn = Infinity;
function tick() {
	setTimeout(tick, 1_020 - now() % 1_000);
	set($('clock'), S.sale ? toSeconds(now()) : '');
	if (S.link !== 'off') actions.tick();
	due.tick();
	const s = S.sale?.state === 'scheduled' ? secondsTo(Date.parse(S.sale.starts_at)) : Infinity;
	if (s > 0 && opensIn < Infinity && OPENS_S.some(limit => s <= limit && opensIn > limit)) say(`Opens in ${inWords(s)}.`);
	opensIn = s;
	if (!document.hidden && S.sale !== undefined) {
		around.later(AROUND_MS);
		// Whoever has all that one may have is told when that has changed elsewhere.
		if (view() === 'limit') recount.later(RECOUNT_MS);
		// The stream of whichever sale is on says nothing of the last holds of one that is over.
		if (S.sale?.state === 'ended' && S.sale.held) lastLook.later(LAST_LOOK_MS);
		for (const it of [around, recount, lastLook]) it.tick();
	}
	render();
}

who.start(render, () => $('main1').click(), actions.resume);
actions.start(render, async then => { if (await who.need()) then(); });
units.onChange(reload);
addEventListener('hashchange', follow);
document.addEventListener('visibilitychange', () => { if (!document.hidden) due.soon(); });
follow();
reload();
actions.resume();
tick();
await units.checkAll();
reload();
