//! The driver and the lines, with a module in the place of Ray.

use std::time::Duration;

use crate::{
    place::{Place, kill},
    scene::{Scene, all_are_gone, kill_a_worker},
    strategies::{trains_where_a_server_samples, tunes_prompts_as_on_one_machine},
};

#[test]
fn rollouts_elsewhere_come_to_the_same() {
    let Some(place) = Place::stand_in("stand-in", "") else { return };
    let scene = Scene::new(Duration::from_millis(60));
    scene.survives(&place, || {});
    all_are_gone(&place);

    let place = place.marked("stand-in-worker");
    scene.survives(&place, || kill_a_worker(&place));

    let place = place.marked("stand-in-driver");
    scene.is_resumed(&place, |_| place.drivers().into_iter().for_each(kill));

    let place = place.marked("stand-in-home");
    scene.is_resumed(&place, |running| running.child.kill().unwrap());
}

#[test]
fn prompts_are_tuned_elsewhere_as_here() {
    let Some(place) = Place::stand_in("stand-in-prompt", "") else { return };
    tunes_prompts_as_on_one_machine(&place);
}

#[test]
fn weights_are_trained_elsewhere_by_what_a_server_samples() {
    let Some(place) = Place::stand_in("stand-in-sampler", "") else { return };
    trains_where_a_server_samples(&place);
}
