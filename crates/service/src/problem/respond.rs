//! Problems as actix answers, and actix's own failures as problems.

use actix_web::error::{JsonPayloadError, PayloadError, QueryPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError, Route, web};

use super::{ErrorCode, Problem};

impl Problem {
    /// The answer, with the request's id in its body.
    pub fn respond(&self, request_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.0.status)
            .insert_header((CONTENT_TYPE, super::CONTENT_TYPE))
            .body(self.to_json(request_id).to_string());
        let headers = response.headers_mut();
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        for (name, value) in &self.0.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(*name), HeaderValue::from_str(value))
            {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.respond(None)
    }
}

/// Tells a failure of actix itself (extractors, routing, payload) as a problem.
pub fn from_actix(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.clone();
    }
    if let Some(error) = error.as_error::<PayloadError>() {
        return of_payload(error);
    }
    if let Some(error) = error.as_error::<JsonPayloadError>() {
        return match error {
            JsonPayloadError::Payload(error) => of_payload(error),
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                too_large()
            }
            JsonPayloadError::ContentType => Problem::new(
                ErrorCode::UnsupportedMediaType,
                "send `Content-Type: application/json`",
            ),
            other => Problem::new(ErrorCode::MalformedJson, other.to_string()),
        };
    }
    if let Some(error) = error.as_error::<UrlencodedError>() {
        return Problem::new(ErrorCode::BadRequest, error.to_string());
    }
    if let Some(error) = error.as_error::<QueryPayloadError>() {
        return Problem::new(ErrorCode::InvalidParameter, error.to_string());
    }
    of_status(error.as_response_error().status_code())
}

/// A problem for a bare status.
pub(crate) fn of_status(status: StatusCode) -> Problem {
    let code = ErrorCode::of_status(status);
    let detail = match code {
        ErrorCode::NotFound => "there is nothing at this address",
        ErrorCode::MethodNotAllowed => "this address does not take this method",
        ErrorCode::Internal => {
            "something went wrong on our side; the request id helps to find out what"
        }
        _ => status.canonical_reason().unwrap_or("the request failed"),
    };
    if code.status() == status {
        Problem::new(code, detail)
    } else {
        Problem::named(
            status,
            code.name(),
            status.canonical_reason().unwrap_or("Error"),
            detail,
        )
    }
}

fn too_large() -> Problem {
    Problem::new(
        ErrorCode::PayloadTooLarge,
        "the body is larger than allowed",
    )
}

fn of_payload(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => too_large(),
        PayloadError::EncodingCorrupted => Problem::new(
            ErrorCode::BadEncoding,
            "the body is not what its Content-Encoding says",
        ),
        PayloadError::UnknownLength => {
            Problem::new(ErrorCode::BadRequest, "the length of the body is not known")
        }
        _ => Problem::new(
            ErrorCode::BadRequest,
            "the body ended before it was complete",
        ),
    }
}

/// The default handler of an application: 404.
pub async fn not_found(_: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(of_status(StatusCode::NOT_FOUND))
}

/// The default route of a resource: 405, with the methods it does take, such as `"GET, HEAD"`.
pub fn method_not_allowed(allow: &'static str) -> Route {
    web::route().to(move || async move {
        Err::<HttpResponse, _>(
            of_status(StatusCode::METHOD_NOT_ALLOWED).with_header("allow", allow),
        )
    })
}
