//! Holds that operators give back by whose they are and of which unit, since they are shown no code that can still
//! be redeemed.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use domain::{
    Code, SaleId, Unit, UserId,
    operator::{Action, ActionId},
    ports::{Inspections, OutcomeCopy, PageAsked, UnitHad, UserOfSales},
};

use super::{
    actions::{Said, act, described},
    asks::Operator,
};
use crate::{
    api::{Api, Records},
    deadline::in_time,
    openapi::{Endpoint, Operation, Parameter, SaleNumber, UnitNumber, UserName},
    params::{Params, of_path},
    problem::{Kind, Problem},
};

pub(super) fn endpoint() -> Endpoint {
    let path = "/admin/sales/{id}/units/{unit}/hold";
    Endpoint::at(path).on(Method::DELETE, release, describe_release)
}

fn describe_release() -> Operation {
    let summary = "Give the hold of a unit back before its time";
    described("releaseHoldOfUnit", summary, 200, &[Kind::CodeNotFound])
        .says(
            "For whoever has seen the hold and not its code. Of a unit that somebody else has by now nothing is \
             given back.",
        )
        .parameter(Parameter::path::<SaleNumber>("id", "The sale."))
        .parameter(Parameter::path::<UnitNumber>("unit", "The unit."))
        .parameter(Parameter::query::<UserName>("user_id", "Whose hold it is."))
}

/// Gives the hold of a unit back.
async fn release(
    request: HttpRequest,
    Operator(known): Operator,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let sale = of_path(&request, "id")?;
    let unit = of_path(&request, "unit")?;
    let mut params = Params::read(&request, payload).await?;
    let said = Said::read(&request, &mut params);
    let user = params.required("user_id");
    let (said, user) = params.finish(said.zip(user))?;

    let hold = UnitOfUser { sale, unit, user };
    let inspections = &*Records::of(&api, request.path())?.inspections;
    let code = hold.code(&api, inspections, said.id()).await?;
    act(&api, known, said, Action::ReleaseHold(code)).await
}

/// A hold, as it is known to whoever may not spend it.
struct UnitOfUser {
    sale: SaleId,
    unit: Unit,
    user: UserId,
}

impl UnitOfUser {
    /// The code that the order of this name is about.
    async fn code(
        &self,
        api: &Api,
        inspections: &dyn Inspections,
        order: ActionId,
    ) -> Result<Code, Problem> {
        // The same order again is about the same hold, whatever has become of that.
        if let Some(code) = self.code_of(api, inspections, order).await? {
            return Ok(code);
        }
        if let Some(code) = self.code_on_hold(inspections).await? {
            return Ok(code);
        }
        // It may have been carried out meanwhile.
        let code = self.code_of(api, inspections, order).await?;
        code.ok_or_else(|| Problem::not_on_hold(self.sale, self.unit, &self.user))
    }

    /// The code that an order was about which was given before.
    async fn code_of(
        &self,
        api: &Api,
        inspections: &dyn Inspections,
        order: ActionId,
    ) -> Result<Option<Code>, Problem> {
        let Some(record) = in_time(api.steering.action(order)).await? else { return Ok(None) };
        let Action::ReleaseHold(code) = record.order.action else {
            return Err(Problem::id_used(&record, &["action".to_owned()]));
        };
        let found = in_time(inspections.code(code)).await?;
        let is_same = found.is_some_and(|found| match &found.attempt.outcome {
            OutcomeCopy::Granted(hold) => {
                (found.attempt.sale, hold.unit, &hold.user) == (self.sale, self.unit, &self.user)
            }
            _ => false,
        });
        if is_same { Ok(Some(code)) } else { Err(Problem::id_used(&record, &["code".to_owned()])) }
    }

    /// The code of the hold, if there is one.
    async fn code_on_hold(&self, inspections: &dyn Inspections) -> Result<Option<Code>, Problem> {
        let of = UserOfSales { user: self.user.clone(), sale: Some(self.sale) };
        let mut asked = PageAsked { after: None, limit: PageAsked::LIMIT_MAX };
        loop {
            let page = in_time(inspections.units(of.clone(), asked)).await?;
            let found = page.rows.iter().find_map(|had| match had {
                UnitHad::Held { hold, .. } if hold.unit == self.unit => Some(hold.code),
                _ => None,
            });
            if found.is_some() || page.next.is_none() {
                return Ok(found);
            }
            asked.after = page.next;
        }
    }
}
