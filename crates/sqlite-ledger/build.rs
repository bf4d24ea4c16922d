//! Builds again when a migration is added: cargo does not see into the macro that embeds them.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
