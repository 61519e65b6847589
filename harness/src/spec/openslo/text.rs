//! A text with several YAML documents, cut so that each keeps its line numbers.
//!
//! Not here: YAML itself (`tree`).

/// The documents of a text, each after as many empty lines as stand before it.
pub(super) fn documents(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = vec![String::new()];
    let mut lines = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let begins = bare == "---" || bare.starts_with("--- ");
        if begins || bare == "..." {
            documents.push("\n".repeat(lines));
            // What stands beside the mark belongs to the document.
            if let Some(rest) = line.strip_prefix("--- ")
                && let Some(last) = documents.last_mut()
            {
                *last += &format!("    {rest}");
                lines += 1;
                continue;
            }
            if let Some(last) = documents.last_mut() {
                last.push('\n');
            }
        } else if let Some(last) = documents.last_mut() {
            last.push_str(line);
        }
        lines += 1;
    }
    documents.retain(|document| has_content(document));
    documents
}

/// Whether there is more than comments and directives.
fn has_content(document: &str) -> bool {
    let mut lines = document.lines().map(str::trim_start);
    lines.any(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with('%'))
}

#[cfg(test)]
mod tests {
    use super::documents;

    #[test]
    fn each_document_keeps_its_lines() {
        assert_eq!(documents("a: 1\n"), ["a: 1\n"]);
        let two = documents("# head\n---\na: 1\n---\n# nothing\n---\nb: 2\n");
        assert_eq!(two, ["\n\na: 1\n", "\n\n\n\n\n\nb: 2\n"]);
        assert_eq!(documents("--- {a: 1}\n...\n"), ["    {a: 1}\n"]);
        assert!(documents("").is_empty() && documents("# only\n---\n").is_empty());
    }
}
