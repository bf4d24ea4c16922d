//! All attempts or purchases of a sale, however many, as lines that are sent while they are read.
//!
//! The last row of each piece has a `cursor`: whoever was cut off throws away what comes after the last one
//! that they have, and goes on from there. Whoever reads slowly has the ledger wait.

use std::{
    borrow::Cow, fmt, marker::PhantomData, ops::ControlFlow, pin::pin, str::FromStr, time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    web::{self, Bytes},
};
use async_trait::async_trait;
use domain::{
    Failure, SaleId, StoreError,
    answer::Doing,
    ports::{Cursor, ExportAsked, ParseCursorError, Sink},
};
use futures_util::{
    future::{Either, select},
    stream::unfold,
};
use serde_json::Value;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::timeout,
};

use super::{
    asks::Viewer,
    long::{Place, of_list},
    lookups::stock_of,
};
use crate::{
    api::{Api, Records},
    caching::NO_STORE,
    csv_lines::write_csv_line,
    openapi::{Answer, Endpoint, Operation, Parameter, SaleNumber, Scalar, Tag, header, scalars},
    params::{Params, of_path},
    problem::{Kind, Problem},
    records::{AttemptRecord, PurchaseRecord, Record},
    samples,
};

/// What the last column is called, and the last member.
const CURSOR: &str = "cursor";

/// How long an export may take. Whoever takes slowly keeps a connection of those who look, and the ledger from
/// cleaning up what was dead before; they go on at the last cursor.
const TIME_MAX: Duration = Duration::from_secs(30 * 60);

scalars! {
    /// Where an export goes on.
    ExportCursorText is "ExportCursor": {
        "type": "string",
        "minLength": 4,
        "maxLength": 128,
        "description": "Where an export goes on: the last `cursor` that came.",
    }
    /// How the rows are written.
    FormatName is "ExportFormat": {
        "type": "string",
        "enum": ["csv", "ndjson"],
        "default": "csv",
        "description": "`csv` is RFC 4180 with a header line; a cell that a spreadsheet could take for a formula, \
                        or that begins with ', has a ' before it, and so has such a part of one after a semicolon, \
                        a tab or a line break. `ndjson` is a JSON object a line.",
    }
}

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Format {
    #[default]
    Csv,
    Ndjson,
}

/// What is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Attempts,
    Purchases,
}

/// Where an export goes on, and which it is.
#[derive(Debug, Clone, Copy)]
struct ExportCursor {
    what: What,
    sale: SaleId,
    cursor: Cursor,
}

pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/admin/sales/{id}/attempts")
            .on(Method::GET, get_attempts, || described(What::Attempts)),
        Endpoint::at("/admin/sales/{id}/purchases")
            .on(Method::GET, get_purchases, || described(What::Purchases)),
    ]
}

fn described(what: What) -> Operation {
    let (id, summary) = match what {
        What::Attempts => ("exportAttempts", "Take out all attempts at a sale"),
        What::Purchases => ("exportPurchases", "Take out all purchases of a sale"),
    };
    let rows = Answer::text("The rows.", Format::Csv.media_type());
    let rows = rows.or_text(Format::Ndjson.media_type());
    let saved_as = header::saved_as(&file_name(what, samples::sale_id(), Format::Csv));
    Operation::new(Tag::Records, id, summary)
        .says(
            "However many they are, they are sent while they are read. Here and there a row has a `cursor`, and so \
             has the last one: an answer that breaks off, or whose last row has none, is not whole. Throw away what \
             comes after the last `cursor` that you have, and ask again with it as `after`: no header line is \
             sent then. While the sale goes on, a row that was being recorded while one part was read may be in \
             neither that nor the next, on Postgres: take a sale out once it is over, or all of it again. After half \
             an hour an answer breaks off. No code is shown whole that can still be redeemed.",
        )
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .parameter(Parameter::query::<FormatName>("format", "How the rows are written.").optional())
        .parameter(
            Parameter::query::<ExportCursorText>("after", "Where to go on.").optional(),
        )
        .answer(rows.headers([header::caching("no-store"), saved_as]))
        .problem(Kind::SaleNotFound)
        .of_viewer()
        .asks_stores()
}

/// What is asked for, by its first word.
struct Asked {
    what: What,
    format: Format,
    export: ExportAsked,
    place: Place,
}

async fn asked(request: &HttpRequest, api: &Api, what: What) -> Result<Asked, Problem> {
    let sale: SaleId = of_path(request, "id")?;
    let mut params = Params::of_query(request);
    let format = params.optional("format").unwrap_or_default();
    let after: Option<ExportCursor> = params.optional("after");
    if let Some(after) = after
        && (after.what, after.sale) != (what, sale)
    {
        let message =
            format!("is where an export of {} of sale {} goes on", after.what, after.sale);
        params.refuse("after", message);
    }
    params.finish(Some(()))?;
    stock_of(api, sale).await?;
    let after = after.map(|after| after.cursor);
    Ok(Asked { what, format, export: ExportAsked { sale, after }, place: Place::take()? })
}

/// Takes out attempts.
async fn get_attempts(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let asked = asked(&request, &api, What::Attempts).await?;
    let exports = Records::of(&api, request.path())?.exports.clone();
    send::<AttemptRecord, _>(asked, async move |export, mut to| {
        exports.attempts(export, &mut to).await
    })
    .await
}

/// Takes out purchases.
async fn get_purchases(
    request: HttpRequest,
    _viewer: Viewer,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let asked = asked(&request, &api, What::Purchases).await?;
    let exports = Records::of(&api, request.path())?.exports.clone();
    send::<PurchaseRecord, _>(asked, async move |export, mut to| {
        exports.purchases(export, &mut to).await
    })
    .await
}

type Piece = Result<Bytes, StoreError>;

/// Sends rows while they are read. What goes wrong before the first of them is a problem as any other; after it
/// the answer breaks off.
async fn send<R, F>(asked: Asked, export: F) -> Result<HttpResponse, Problem>
where
    R: Record + 'static,
    F: AsyncFnOnce(ExportAsked, Rows<R>) -> Result<(), StoreError> + 'static,
{
    let Asked { what, format, export: rows, place } = asked;
    let (to, mut from) = channel::<Piece>(1);
    let sink = Rows::<R> { what, sale: rows.sale, format, to: to.clone(), of: PhantomData };
    actix_web::rt::spawn(async move {
        let exporting = async {
            let _place = place;
            timeout(TIME_MAX, export(rows, sink)).await.unwrap_or_else(|_| Err(out_of_time()))
        };
        // Whoever has left waits for nothing.
        let ended = match select(Box::pin(exporting), pin!(to.closed())).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => Ok(()),
        };
        // By now nothing is read any more, however long whoever takes it keeps this waiting.
        if let Err(error) = ended {
            let _ = to.send(Err(error)).await;
        }
    });
    let mut first = heading::<R>(format, rows.after);
    if let Some(piece) = from.recv().await {
        first.extend_from_slice(&piece.map_err(of_list)?);
    }
    let saved_as = format!("attachment; filename=\"{}\"", file_name(what, rows.sale, format));
    Ok(HttpResponse::Ok()
        .insert_header(NO_STORE)
        .insert_header((CONTENT_TYPE, format.media_type()))
        .insert_header((CONTENT_DISPOSITION, saved_as))
        .streaming(pieces(first.into(), from)))
}

fn out_of_time() -> StoreError {
    let reason = format!("an export may take {} minutes", TIME_MAX.as_secs() / 60);
    StoreError::new(Doing::step("the export"), Failure::NotDone, reason)
}

fn pieces(first: Bytes, from: Receiver<Piece>) -> impl futures_util::Stream<Item = Piece> {
    unfold((Some(first), from), |(first, mut from)| async move {
        let next = match first {
            Some(first) => Some(Ok(first)),
            None => from.recv().await,
        };
        next.map(|next| (next, (None, from)))
    })
}

/// The first line of an export that begins at the beginning.
fn heading<R: Record>(format: Format, after: Option<Cursor>) -> Vec<u8> {
    let mut lines = Vec::new();
    if format == Format::Csv && after.is_none() {
        write_csv_line(&mut lines, R::COLUMNS.iter().chain(&[CURSOR]).map(|&it| it.into()));
    }
    lines
}

/// Where rows go: to whoever asked, a piece at a time.
struct Rows<R> {
    what: What,
    sale: SaleId,
    format: Format,
    to: Sender<Piece>,
    of: PhantomData<fn() -> R>,
}

#[async_trait]
impl<T, R> Sink<T> for Rows<R>
where
    T: Send + 'static,
    R: Record + for<'a> From<&'a T>,
{
    async fn take(&mut self, rows: Vec<T>, next: Cursor) -> ControlFlow<()> {
        let piece = self.written(&rows, next);
        match self.to.send(Ok(piece)).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl<R: Record> Rows<R> {
    /// The rows as lines, of which the last says where to go on.
    fn written<T>(&self, rows: &[T], next: Cursor) -> Bytes
    where
        R: for<'a> From<&'a T>,
    {
        let next = ExportCursor { what: self.what, sale: self.sale, cursor: next }.to_string();
        let mut lines = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let cursor = (place + 1 == rows.len()).then_some(next.as_str());
            write_row(&mut lines, self.format, &R::from(row), cursor);
        }
        lines.into()
    }
}

fn write_row(lines: &mut Vec<u8>, format: Format, row: &impl Record, cursor: Option<&str>) {
    match format {
        Format::Csv => {
            let last = Cow::Borrowed(cursor.unwrap_or_default());
            write_csv_line(lines, row.cells().into_iter().chain([last]));
        }
        Format::Ndjson => {
            // Text and numbers can always be written.
            let mut line = serde_json::to_vec(row).unwrap_or_default();
            line.pop();
            let last = cursor.map_or(Value::Null, Value::from);
            line.extend_from_slice(format!(",\"{CURSOR}\":{last}}}\n").as_bytes());
            lines.append(&mut line);
        }
    }
}

fn file_name(what: What, sale: SaleId, format: Format) -> String {
    format!("sale-{sale}-{what}.{}", format.name())
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let format = [Self::Csv, Self::Ndjson].into_iter().find(|it| it.name() == text);
        format.ok_or("must be csv or ndjson")
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => "attempts",
            Self::Purchases => "purchases",
        })
    }
}

impl fmt::Display for ExportCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, sale, cursor } = self;
        write!(f, "{what}.{sale}.{cursor}")
    }
}

impl FromStr for ExportCursor {
    type Err = ParseCursorError;

    /// Reads what `Display` writes, and what the command prints.
    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let (name, rest) = text.split_once('.').ok_or(ParseCursorError)?;
        let (sale, cursor) = rest.split_once('.').ok_or(ParseCursorError)?;
        let what = [What::Attempts, What::Purchases].into_iter().find(|it| it.to_string() == name);
        let sale = sale.parse().map_err(|_| ParseCursorError)?;
        Ok(Self { what: what.ok_or(ParseCursorError)?, sale, cursor: cursor.parse()? })
    }
}

impl Scalar for ExportCursorText {
    fn example() -> Value {
        "attempts.1.m1764188400123456.1".into()
    }

    fn refusal() -> String {
        "7".parse::<ExportCursor>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for FormatName {
    fn example() -> Value {
        Format::Csv.name().into()
    }

    fn refusal() -> String {
        "xml".parse::<Format>().err().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{ResponseError, body::MessageBody, http::header::RETRY_AFTER};
    use futures_util::future::poll_fn;

    use super::*;

    fn written(format: Format) -> String {
        let mut lines = heading::<PurchaseRecord>(format, None);
        let row = PurchaseRecord::from(&samples::receipt());
        for cursor in [None, Some("purchases.1.r7.1")] {
            write_row(&mut lines, format, &row, cursor);
        }
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn the_last_column_of_csv_says_where_to_go_on() {
        let text = written(Format::Csv);
        let lines: Vec<_> = text.split_terminator("\r\n").collect();

        assert!(lines[0].ends_with("item_image,cancelled_at,reason,cursor"), "{text}");
        assert!(lines[1].ends_with(".svg,,,"), "{text}");
        assert!(lines[2].ends_with(".svg,,,purchases.1.r7.1"), "{text}");
        assert!(heading::<PurchaseRecord>(Format::Csv, "r7.1".parse().ok()).is_empty());
    }

    #[test]
    fn the_last_member_of_json_says_where_to_go_on() {
        let text = written(Format::Ndjson);
        let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();

        assert_eq!(lines[0]["cursor"], Value::Null);
        assert_eq!(lines[1]["cursor"], "purchases.1.r7.1");
        assert_eq!((lines.len(), &lines[1]["unit"]), (2, &lines[0]["unit"]));
    }

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is() {
        for text in ["attempts.7.m1764188400123456.2", "purchases.1099511627775.r5.1"] {
            assert_eq!(text.parse::<ExportCursor>().unwrap().to_string(), text);
        }
        for wrong in
            ["", "attempts", "attempts.7", "holds.7.m1.1", "attempts.0.m1.1", "attempts.7.m1"]
        {
            assert!(wrong.parse::<ExportCursor>().is_err(), "{wrong:?}");
        }
    }

    /// Whoever takes a row an hour is cut off, and does not take what they have for all there is.
    #[actix_web::test]
    async fn an_export_that_takes_too_long_breaks_off_and_gives_its_place_back() {
        tokio::time::pause();
        let sale = samples::sale_id();
        let export = ExportAsked { sale, after: None };
        let place = Place::take().unwrap();
        let asked = Asked { what: What::Purchases, format: Format::Csv, export, place };
        let (reads, still_reads) = tokio::sync::oneshot::channel::<()>();

        let response = send::<PurchaseRecord, _>(asked, async move |_, mut to| {
            let _reads = reads;
            loop {
                let rows = vec![samples::receipt()];
                let next = "r7.1".parse().unwrap();
                if to.take(rows, next).await == ControlFlow::Break(()) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_secs(20 * 60)).await;
            }
        });

        let mut body = pin!(response.await.unwrap().into_body());
        // Without an error at its end a client would take it for all there is.
        for is_ok in [true, true, false] {
            let piece = poll_fn(|task| body.as_mut().poll_next(task)).await.unwrap();
            assert_eq!(piece.is_ok(), is_ok);
        }
        assert!(still_reads.await.is_err(), "nothing is read any more");
        let _there_is_room = [Place::take().unwrap(), Place::take().unwrap()];
        // And no more than for these.
        let third = Place::take().err().unwrap();
        assert!(third.to_string().contains("2 exports and long looks are under way"), "{third}");
        let third = third.error_response();
        let again_in_s = third.headers().get(RETRY_AFTER).unwrap();
        assert_eq!((third.status().as_u16(), again_in_s.to_str().unwrap()), (503, "30"));
    }
}
