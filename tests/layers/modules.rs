//! The modules of a crate, and the files of the paths in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::tokens::{Token, tokens, without_tests};

/// A module in a file of its own.
#[derive(Debug, Default)]
pub struct Module {
    /// File, below `src`.
    pub file: String,
    /// Words of its code outside of `use`, to detect the use of a name.
    words: BTreeSet<String>,
    /// Paths in its code outside of `use`, split into words.
    paths: BTreeSet<Vec<String>>,
    /// Names that `use` brings in, with their paths and whether they are re-exported.
    imports: BTreeMap<String, (Vec<String>, bool)>,
    /// Paths of `use ...::*`.
    globs: Vec<Vec<String>>,
    /// Names of the items it defines at its top.
    items: BTreeSet<String>,
}

/// All modules of a crate by their path, without tests.
pub struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

impl Crate {
    /// Reads the files below a directory.
    pub fn read(root: &Path) -> Crate {
        let mut files = Vec::new();
        list(root, &mut files);
        let text = |path: &std::path::PathBuf| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        Crate::of(files.iter().map(text).collect())
    }

    /// The crate of these files, by name.
    pub fn of(files: Vec<(String, String)>) -> Crate {
        let mut modules = BTreeMap::new();
        let mut tests: Vec<Vec<String>> = Vec::new();
        for (file, text) in files {
            let path = module_path(&file);
            let (code, test_modules) = without_tests(&tokens(&text));
            tests.extend(test_modules.into_iter().map(|name| [&path[..], &[name]].concat()));
            modules.insert(path, Module { file, ..Module::of(&code) });
        }
        modules.retain(|path: &Vec<String>, _| !tests.iter().any(|test| path.starts_with(test)));
        Crate { modules }
    }

    /// Each file with those that it uses.
    pub fn uses(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut uses = BTreeMap::new();
        for (path, module) in &self.modules {
            let mut found = BTreeSet::new();
            for (name, (target, re_exported)) in &module.imports {
                // The name of a module alone is not a use of its items; its paths are.
                if !re_exported || module.words.contains(name) {
                    found.extend(self.item(path, target));
                }
            }
            for target in &module.globs {
                let from = self.module(path, target).map(|(path, _)| path);
                let taken = from.into_iter().flat_map(|from| module.words.iter().map(move |word| (from.clone(), word)));
                found.extend(taken.filter_map(|(from, word)| self.named(&from, word, 0)));
            }
            found.extend(module.paths.iter().filter_map(|target| self.item(path, target)));
            found.remove(module.file.as_str());
            uses.insert(module.file.as_str(), found);
        }
        uses
    }

    /// The file of the item that a path in a module names; `None` for a module, and for items of other crates.
    fn item(&self, from: &[String], path: &[String]) -> Option<&str> {
        self.item_at(from, path, 0)
    }

    fn item_at(&self, from: &[String], path: &[String], depth: usize) -> Option<&str> {
        let (module, rest) = self.module_at(from, path, depth)?;
        self.named(&module, rest.first()?, depth)
    }

    /// The file that defines a name of a module, also if the module re-exports it.
    fn named(&self, path: &[String], name: &str, depth: usize) -> Option<&str> {
        assert!(depth < 20, "{name} is re-exported in a circle");
        let module = self.modules.get(path)?;
        if module.items.contains(name) {
            return Some(&module.file);
        }
        if let Some((target, _)) = module.imports.get(name) {
            return self.item_at(path, target, depth + 1);
        }
        let from = module.globs.iter().filter_map(|target| Some(self.module_at(path, target, depth + 1)?.0));
        from.filter(|from| *from != path).find_map(|from| self.named(&from, name, depth + 1))
    }

    fn module(&self, from: &[String], path: &[String]) -> Option<(Vec<String>, Vec<String>)> {
        self.module_at(from, path, 0)
    }

    /// The last module that a path goes through, and the rest of the path. `None` for paths that leave the crate.
    fn module_at(&self, from: &[String], path: &[String], depth: usize) -> Option<(Vec<String>, Vec<String>)> {
        assert!(depth < 20, "{path:?} goes round in a circle");
        let mut at = from.to_vec();
        let mut rest = path.iter();
        let mut inside = false;
        while let Some(word) = rest.clone().next() {
            match word.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                word => {
                    let child = [&at[..], &[word.to_owned()]].concat();
                    if self.modules.contains_key(&child) {
                        at = child;
                    } else if let Some((target, _)) = self.modules.get(&at).and_then(|module| module.imports.get(word))
                    {
                        // A module by another name, or an item, which ends the path.
                        match self.module_at(&at, target, depth + 1) {
                            Some((module, left)) if left.is_empty() => at = module,
                            _ if inside => break,
                            None => return None,
                            Some(_) => break,
                        }
                    } else if inside {
                        break;
                    } else {
                        // The name of another crate, of a type, or of a function here.
                        return None;
                    }
                }
            }
            inside = true;
            rest.next();
        }
        Some((at, rest.cloned().collect()))
    }
}

impl Module {
    fn of(code: &[Token]) -> Module {
        let mut module = Module::default();
        let (mut place, mut depth) = (0, 0);
        while place < code.len() {
            let word = code[place].word();
            let before = place.checked_sub(1).and_then(|place| code.get(place));
            match &code[place] {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                _ => {}
            }
            if word == Some("use") && !matches!(before, Some(Token::Colons)) {
                // `+ use<'a>` names what a type captures.
                if code.get(place + 1) == Some(&Token::Sign('<')) {
                    place += 1;
                    continue;
                }
                let end = place + code[place..].iter().position(|token| *token == Token::Sign(';')).unwrap();
                let re_exported =
                    matches!(before, Some(token) if token.word() == Some("pub") || *token == Token::Sign(')'));
                module.import(&code[place + 1..end], &[], re_exported);
                place = end;
                continue;
            }
            if word == Some("mod") && code.get(place + 2) == Some(&Token::Sign(';')) {
                place += 3;
                continue;
            }
            if let Some(word) = word {
                module.words.insert(word.to_owned());
                const ITEMS: [&str; 8] = ["struct", "enum", "union", "fn", "const", "static", "type", "trait"];
                let name = code.get(place + 1).and_then(Token::word);
                if let Some(name) = name.filter(|_| depth == 0 && (ITEMS.contains(&word) || word == "mod")) {
                    module.items.insert(name.to_owned());
                }
                let mut path = vec![word.to_owned()];
                while code.get(place + 1) == Some(&Token::Colons)
                    && let Some(word) = code.get(place + 2).and_then(Token::word)
                {
                    path.push(word.to_owned());
                    place += 2;
                }
                if path.len() > 1 {
                    module.words.extend(path.iter().cloned());
                    module.paths.insert(path);
                }
            }
            place += 1;
        }
        module
    }

    /// Adds the names of a tree of paths after `use`.
    fn import(&mut self, tree: &[Token], prefix: &[String], re_exported: bool) {
        let mut path = prefix.to_vec();
        let mut rest = tree;
        loop {
            match rest {
                [Token::Colons, more @ ..] => rest = more,
                [Token::Word(word), more @ ..] if word != "as" => {
                    path.push(word.clone());
                    rest = more;
                }
                [Token::Sign('*'), ..] => return self.globs.push(path),
                [Token::Sign('{'), inner @ .., Token::Sign('}')] => {
                    return branches(inner).into_iter().for_each(|branch| self.import(branch, &path, re_exported));
                }
                [Token::Word(_), alias, ..] => {
                    let name = alias.word().unwrap_or("_").to_owned();
                    drop(self.imports.insert(name, (path, re_exported)));
                    return;
                }
                _ => break,
            }
        }
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(name) = path.last().cloned().filter(|_| !tree.is_empty()) {
            self.imports.insert(name, (path, re_exported));
        }
    }
}

/// The parts of a list between its commas.
fn branches(list: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0;
    let is_comma = move |token: &Token| {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            _ => {}
        }
        depth == 0 && *token == Token::Sign(',')
    };
    list.split(is_comma).collect()
}

fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

fn list(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
