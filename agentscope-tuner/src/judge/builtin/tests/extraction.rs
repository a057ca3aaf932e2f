//! Results found in answers.

use crate::judge::builtin::*;

#[test]
fn the_last_number_is_read_in_every_spelling() {
    let cases: [(&str, f64); 34] = [
        ("42", 42.0),
        ("The answer is 42.", 42.0),
        ("1, 2, 3", 3.0),
        ("1,000", 1000.0),
        ("1,234,567.89 in all", 1_234_567.89),
        (r"1{,}000", 1000.0),
        (r"10\,000", 10000.0),
        ("-5", -5.0),
        ("\u{2212}5", -5.0),
        ("+5", 5.0),
        ("5-10", 10.0),
        ("f(x)-3", 3.0),
        ("GPT-4", 4.0),
        ("x=-3", -3.0),
        ("$5", 5.0),
        (r"\$1,250.50", 1250.5),
        ("-$5", -5.0),
        ("$-5", -5.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("6.02E23", 6.02e23),
        ("2 × 10^5", 2e5),
        (r"$2 \times 10^{-3}$", 0.002),
        ("3/4", 0.75),
        ("1 1/2 cups", 1.5),
        (r"\frac{3}{4}", 0.75),
        (r"-\dfrac{1}{2}", -0.5),
        (r"2\frac{1}{2}", 2.5),
        (r"\boxed{7} on page 12", 7.0),
        (r"\boxed{1} or rather \boxed{\frac{1}{4}}", 0.25),
        (r"\boxed{x} is 3", 3.0),
        ("#### 18", 18.0),
        ("12 apples of H2O", 12.0),
        ("1/0 and 7 and 1e999", 7.0),
    ];
    for (text, wanted) in cases {
        let found = last_number(text).unwrap_or_else(|| panic!("no number in {text:?}")).value;
        assert!((found - wanted).abs() <= 1e-12 * wanted.abs(), "{text:?}: {found}, not {wanted}");
    }
    for text in ["", "none", "H2O", "1/0", r"\boxed{"] {
        assert_eq!(last_number(text), None, "{text:?}");
    }
    assert!(last_number(r"50\%").unwrap().percent);
}

#[test]
fn numbers_may_lie_within_either_tolerance() {
    let value = |answer, reference, tolerance| numeric(answer, reference, &tolerance).unwrap().value;
    let exactly = Tolerance { absolute: 0.0, relative: 0.0 };
    assert_eq!(value("so 0.5", "1/2", exactly), 1.0);
    assert_eq!(value("0.33", "1/3", Tolerance::default()), 0.0);
    assert_eq!(value("0.33", "1/3", Tolerance { relative: 0.01, ..exactly }), 1.0);
    assert_eq!(value("99", "100", Tolerance { absolute: 1.0, ..exactly }), 1.0);
    assert_eq!(value("98.9", "100", Tolerance { absolute: 1.0, relative: 0.001 }), 0.0);
}

#[test]
fn a_percentage_fits_both_of_its_readings() {
    let value = |answer, reference| numeric(answer, reference, &Tolerance::default()).unwrap().value;
    assert_eq!(value("50%", "50"), 1.0);
    assert_eq!(value("50%", "0.5"), 1.0);
    assert_eq!(value("0.5", "50 %"), 1.0);
    assert_eq!(value("0.5%", "50%"), 0.0);
    assert_eq!(value("0.5", "50"), 0.0);
}

#[test]
fn a_missing_number_is_the_answers_fault_or_the_rows() {
    let tolerance = Tolerance::default();
    let reward = numeric("I cannot say", "42", &tolerance).unwrap();
    assert!(reward.value == 0.0 && reward.feedback.unwrap().contains("holds none"));
    let wrong = numeric("41", "42", &tolerance).unwrap();
    assert_eq!(
        (wrong.metrics["error"], wrong.feedback.as_deref()),
        (1.0, Some("expected 42, but the answer was 41"))
    );
    assert!(numeric("42", "none", &tolerance).unwrap_err().to_string().contains("mend the row"));
}

#[test]
fn a_letter_is_found_where_models_put_it() {
    let cases = [
        ("B", 'B'),
        ("b", 'B'),
        ("(B)", 'B'),
        ("B.", 'B'),
        ("**B**", 'B'),
        ("B) because it is", 'B'),
        ("(b)", 'B'),
        ("Answer: B", 'B'),
        ("answer is (c).", 'C'),
        ("The correct answer is **C**: it is red.", 'C'),
        ("I first took option A, but the answer is D, since A is blue.", 'D'),
        ("A cat is an animal. So the answer would be B", 'B'),
        ("A. wrong\nB. wrong\nThe answer: C", 'C'),
        (r"Therefore $\boxed{\text{D}}$, not A.", 'D'),
        (r"\boxed{C}", 'C'),
        ("It must be (B), as (A) is false.\nChoice: B", 'B'),
        ("Considering all of them, therefore C.", 'C'),
        ("So it is [A]", 'A'),
        ("Answer:\nB", 'B'),
        ("Choose option B because it is red", 'B'),
        ("The answer is A because it is red", 'A'),
        ("Final answer = $D$", 'D'),
    ];
    for (text, wanted) in cases {
        assert_eq!(chosen_letter(text, 4), Some(wanted), "{text:?}");
    }
    for text in [
        "",
        "A dog barks.",
        "I am not sure.",
        "The answer is blue.",
        "E",
        "Answer: a dog",
        "The answer is A dog's",
    ] {
        assert_eq!(chosen_letter(text, 4), None, "{text:?}");
    }
    assert_eq!(chosen_letter("(E)", 4), None);
    assert_eq!(chosen_letter("(E)", 5), Some('E'));
}

#[test]
fn a_choice_is_right_wrong_or_missing() {
    assert_eq!(choice("Answer: B", "B", 4).unwrap().value, 1.0);
    assert_eq!(
        choice("Answer: B", "(c)", 4).unwrap().feedback.unwrap(),
        "expected option C, but the answer chose B"
    );
    assert!(choice("I pass", "B", 4).unwrap().feedback.unwrap().contains("names no option"));
    assert!(choice("B", "E", 4).is_err());
    assert!(choice("B", "B", 1).is_err());
}
