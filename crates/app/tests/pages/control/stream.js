// Stands for the stream and the history of the operators' API where a test wants what a service of one process in a
// directory cannot be brought to: it says what the service says of its sales, and beside that `window.made`.
{
	const real = window.fetch.bind(window), ago = ms => new Date(Date.now() - ms).toISOString(), began = ago(0);
	// `cut()` ends the connection; `isDeaf` has the next ones fail; `answers` is what they are answered instead.
	Object.assign(window, { made: {}, isDeaf: false, answers: null, cut: () => {} });

	async function room() {
		const { name, role } = await (await real('admin/me')).json(), { sales } = await (await real('admin/sales?limit=32')).json();
		return {
			server_time: sales[0]?.server_time ?? new Date().toISOString(), operator: name, role, sales,
			rates: { checkouts: 12.4, purchases: 9 }, refused: { 'user-limit-reached': 1 }, latency: { checkout: { p50_ms: 1.2, p99_ms: 5.8 } },
			stores: [{ name: 'ledger', state: 'up', call_ms: .8, changed_at: began }, { name: 'live', state: 'up', changed_at: began }],
			drift: { units: 0, checked_at: ago(2_000) }, sweep_lag_ms: 40, processes: [{ id: 'a1'.repeat(16), address: '10.0.0.11:8080', seen_at: ago(0) }], viewers: 4_812, ...window.made, ...window.made.processes && { processes: window.made.processes.map(({ ago_ms, ...it }) => ({ ...it, seen_at: it.seen_at ?? ago(ago_ms) })) },
		};
	}

	function stream() {
		let timer;
		return new ReadableStream({
			start(to) {
				const write = text => to.enqueue(new TextEncoder().encode(text));
				write('retry: 1000\n\n');
				const say = async () => {
					try { write(`event: control\ndata: ${JSON.stringify(await room())}\n\n`); } catch { return end(); }
					timer = setTimeout(say, 250);
				};
				const end = () => { clearTimeout(timer); try { to.close(); } catch { /* it is closed */ } };
				window.cut = end;
				say();
			},
			cancel() { clearTimeout(timer); },
		});
	}

	window.fetch = async (path, options) => {
		if (/^admin\/sales\/\d+\/history/.test(path)) return Response.json({ sale_id: 1, step_ms: 60_000, points: window.minutes ?? [] });
		if (path !== 'admin/stream') return real(path, options);
		if (window.isDeaf) throw new TypeError('Failed to fetch');
		if (window.answers) return new Response(window.answers.body, { status: window.answers.status, headers: { 'Content-Type': window.answers.kind } });
		const me = await real('admin/me');
		return me.status === 200 ? new Response(stream(), { headers: { 'Content-Type': 'text/event-stream' } }) : me;
	};
}
