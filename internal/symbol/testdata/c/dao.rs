use std::io::Read;

mod dao {
    pub struct Dao;
    pub trait Query {
        fn query(&self, n: usize) -> usize;
    }
    impl Query for Dao {
        #[inline(never)]
        fn query(&self, n: usize) -> usize {
            std::hint::black_box(super::walk(n)) + 1
        }
    }
}

#[inline(never)]
fn walk(n: usize) -> usize {
    let mut fp: *const usize;
    unsafe {
        std::arch::asm!("mov {}, rbp", out(reg) fp);
        println!("PC {}", main as *const () as usize);
        for _ in 0..16 {
            let next = *fp as *const usize;
            println!("PC {}", *fp.add(1));
            if next <= fp {
                break;
            }
            fp = next;
        }
    }
    n
}

#[inline(never)]
fn handle<T: dao::Query>(d: &T) -> usize {
    (1..3usize).map(|n| if n == 1 { std::hint::black_box(d.query(n)) } else { n }).sum()
}

fn main() {
    let r = handle(&dao::Dao);
    println!("READY");
    let mut b = [0u8; 1];
    let _ = std::io::stdin().read(&mut b);
    std::process::exit(if r == 0 { 1 } else { 0 });
}
