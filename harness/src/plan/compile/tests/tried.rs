//! What is only tried is not judged.

use crate::plan::{compile_all, compile_to_try};
use crate::spec::{Overrides, decode};

#[test]
fn whoever_grows_a_scenario_need_not_make_it_long_first() {
    let text = "schema: 1\nname: shop\nservices: {app: {url: \"http://127.0.0.1:8080\"}}\n\
                load: {a: {constant-arrival-rate: {rate: 1/s, duration: 1s, requests: [{get: {path: /}}]}}}\n\
                objectives: {errors: {error-rate: {below: 0.1%}}}\n";
    let read = || decode("shop.yaml", text, &Overrides::default(), &|_| None);
    assert!(compile_all(read()).is_err());
    assert!(compile_to_try(read()).is_ok());
    // What cannot be sent is refused all the same.
    let wrong = text.replace("path: /}", "path: x}");
    assert!(compile_to_try(decode("shop.yaml", &wrong, &Overrides::default(), &|_| None)).is_err());
}
