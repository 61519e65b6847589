#[test]
fn dev() {
    let some = |_: &str| Some("ENVVALUE".to_owned());
    let dir = std::env::var("DEV_DIR").unwrap();
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for f in files {
        if f.extension().is_none_or(|e| e != "yaml") {
            continue;
        }

        println!("################ {}", f.display());
        match super::load(&f, &Default::default(), &some) {
            Ok(l) => println!("OK\n{}", l.document.resolved()),
            Err(p) => println!("{} problems\n{p}", p.len()),
        }
    }
}
