//! Logging in at Amazon MSK as an IAM role (`authentication = "aws-iam"`): SASL OAUTHBEARER, whose token is a signed request that is never sent.
//!
//! | part | owns |
//! |---|---|
//! | [`Environment`] | the variables of AWS, which say where credentials come from |
//! | `credentials` | asking for them: EKS Pod Identity, ECS, IRSA (STS with a web identity), or keys in the environment |
//! | `keeper` | a thread for each client that has credentials ready before anybody asks, and new ones before the old ones end |
//! | `signature`, `token` | the signature (SigV4) and the token made with it; no input or output |
//! | `topics` | the requests of [`crate::Admin`], which rdkafka's own client cannot make with a token |
//!
//! librdkafka asks for a token while a client is polled, and again when 80 % of its lifetime are over. Making one takes microseconds, since credentials
//! are fetched by the keeper: no thread that serves a client waits for AWS, but for a new client's first token, and then [`keeper::FIRST_ANSWER`] at most.
//! The credentials of EC2 instances (IMDS) are not asked for: a pod has a role of its own, or none.

mod credentials;
mod environment;
mod keeper;
mod signature;
#[cfg(test)]
mod stub;
mod token;
mod topics;

pub use environment::Environment;
pub(crate) use keeper::Keeper;
pub(crate) use topics::Topics;
